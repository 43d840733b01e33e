import assert from "node:assert/strict";
import { test } from "node:test";
import { summaryOf } from "../../src/core/master-work.ts";
import type { Generation } from "../../src/driver/driver.ts";
import { WorkWatch } from "../../src/worker/work-watch.ts";
import { Lines } from "../core/fakes.ts";

const timers = (...names: readonly string[]) => names.map((name) => ({ name, rule: "every 1s" }));
const many = (count: number, from = 0) => timers(...Array.from({ length: count }, (_, n) => `t-${from + n}`));
const OWN = [...timers("a", "b", "c"), { name: "sweep", rule: "task" }];

function watch(own: Parameters<typeof summaryOf>[0] = OWN) {
  const lines = new Lines();
  const watch = new WorkWatch(own, lines);
  const look = (said: Partial<Generation> = {}) =>
    watch.look({
      generation: 1,
      members: 2,
      master: "w2",
      masterVersion: "1.3",
      elected: false,
      notBefore: 0,
      peers: [],
      successor: undefined,
      resignAsked: false,
      ...said,
    });
  return { notRunning: (name: string) => watch.notRunning(name), look, lines };
}

test("what the master lacks is told once, by name, and is why these timers do not run", () => {
  const { notRunning, look, lines } = watch();
  look({ masterWork: summaryOf(timers("b", "x")) });
  look({ masterWork: summaryOf(timers("b", "x")) });
  const why = "The master w2 (version 1.3) has no such timer.";
  assert.deepEqual(["a", "b", "c", "sweep"].map(notRunning), [why, undefined, why, undefined]);
  assert.deepEqual(lines.all.length, 1);
  assert.match(
    lines.all[0] ?? "",
    /The master, w2 \(version 1\.3\), lacks the 2 timers a, c and the task sweep of this worker\. What it lacks runs nowhere/,
  );
  look({ masterWork: undefined });
  assert.equal(notRunning("a"), undefined, "this master has all");
  look({ masterWork: summaryOf(timers("b", "x")) });
  assert.equal(lines.all.length, 2, "and another one lacks it again");
});

test("a master that has more is nothing to be told of, and without one nothing runs", () => {
  const { notRunning, look, lines } = watch();
  look({ masterWork: summaryOf([...OWN, ...timers("d")]) });
  assert.deepEqual([lines.all, notRunning("a")], [[], undefined]);
  look({ master: undefined });
  assert.equal(notRunning("a"), "Nobody is master.");
  look({ elected: true, master: "me" });
  assert.equal(notRunning("a"), undefined);
});

test("of thousands of timers those that are lacking are named, and too many are told of all the same", () => {
  const { notRunning, look, lines } = watch(many(3000));
  look({ masterWork: summaryOf(many(2988)) });
  assert.match(lines.all[0] ?? "", /lacks the 12 timers t-2988, .*t-2997 and 2 more of this worker/);
  assert.match(notRunning("t-2999") ?? "", /has no such timer/);
  look({ masterWork: summaryOf(many(3000, 500)) });
  assert.match(lines.all[1] ?? "", /has other timers than this worker, 3000 instead of 3000, which are too many/);
});

test("a master tells once of each work that lacks something, and of no other", () => {
  const { look, lines } = watch();
  const lacking = [
    { worker: "w3", version: "1.2", work: summaryOf(OWN.slice(1)) },
    { worker: "w4", version: "", work: summaryOf([...OWN, ...timers("more")]) },
  ];
  look({ elected: true, lacking });
  look({ elected: true, lacking: [{ worker: "w5", version: "1.2", work: summaryOf(OWN.slice(1)) }] });
  assert.equal(lines.all.length, 1);
  assert.match(lines.all[0] ?? "", /Worker w3 \(version 1\.2\) lacks the timer a of this master\./);
});
