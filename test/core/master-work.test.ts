import assert from "node:assert/strict";
import { test } from "node:test";
import { compareWork, lackedBy, NO_WORK, summaryOf } from "../../src/core/master-work.ts";

const timers = (...names: readonly string[]) => names.map((name) => ({ name, rule: "every 1s" }));
const many = (count: number, what = "t") => timers(...Array.from({ length: count }, (_, n) => `${what}-${n}`));

test("two works are compared by how many one has and the other lacks", () => {
  const compare = (a: readonly string[], b: readonly string[]) =>
    compareWork(summaryOf(timers(...a)), summaryOf(timers(...b)));
  assert.deepEqual(compare(["a", "b"], ["b", "a"]), { more: 0, less: 0 });
  assert.deepEqual(compare(["a", "b", "c"], ["b", "x"]), { more: 2, less: 1 });
  assert.deepEqual(compare([], ["b", "x"]), { more: 0, less: 2 });
  assert.deepEqual(compareWork(summaryOf(many(99)), NO_WORK), { more: 99, less: 0 }, "nothing is easily compared");
  assert.equal(compareWork(summaryOf(many(20)), summaryOf(many(20, "u"))), undefined);
});

test("what another one lacks is told by name, as far as it can be", () => {
  const own = [...many(2000), { name: "t-0", rule: "task" }];
  assert.deepEqual(lackedBy(summaryOf(own.slice(2)), own), own.slice(0, 2));
  assert.deepEqual(lackedBy(summaryOf(own.slice(0, -1)), own), own.slice(-1), "a task is no timer");
  assert.deepEqual(lackedBy(summaryOf([...own, ...timers("more")]), own), []);
  assert.deepEqual(lackedBy(NO_WORK, own), own);
  assert.equal(lackedBy(summaryOf(own.slice(99)), own), undefined);
  assert.equal(lackedBy({ count: 5, sketch: "nonsense" }, own), undefined);
});
