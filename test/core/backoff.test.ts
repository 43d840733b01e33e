import assert from "node:assert/strict";
import { test } from "node:test";
import { BACKOFF, Backoff, backoffMs } from "../../src/core/backoff.ts";

test("pauses before another try grow, up to a minute", () => {
  const pauses = [1, 2, 3, 11, 99].map((failures) => backoffMs(BACKOFF.timerRun, failures));
  assert.deepEqual(pauses, [100, 200, 400, 60_000, 60_000]);
});

test("a backoff's pauses are up to a fifth shorter or longer", () => {
  const first3 = (random: number) => {
    const backoff = new Backoff({ firstMs: 100, longestMs: 300 }, () => random);
    return [backoff.next(), backoff.next(), backoff.next()];
  };
  assert.deepEqual(first3(0), [80, 160, 240]);
  assert.deepEqual(first3(0.5), [100, 200, 300]);
  assert.deepEqual(first3(1).map(Math.round), [120, 240, 360]);
});

test("a backoff that is reset begins again with the first pause", () => {
  const backoff = new Backoff(BACKOFF.coordinator, () => 0.5);
  assert.deepEqual([backoff.next(), backoff.next()], [20, 40]);
  backoff.reset();
  assert.equal(backoff.next(), 20);
});
