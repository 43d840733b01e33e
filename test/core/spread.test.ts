import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { spreadOf } from "../../src/core/spread.ts";

const slots = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) });
const spreads = fc.integer({ min: 1, max: 400 * 86_400_000 });

test("a run begins within its spread, and always at the same moment of it", () => {
  fc.assert(fc.property(fc.string(), slots, spreads, (name, slot, spread) => {
    const late = spreadOf(name, slot, spread);
    assert.ok(Number.isInteger(late) && late >= 0 && late < spread);
    assert.equal(spreadOf(name, slot, spread), late);
  }));
  assert.equal(spreadOf("restock", 1000, 0), 0);
});

test("the same on every runtime", () => {
  const late = ["restock", "größe", "日"].map((name) => spreadOf(name, Date.UTC(2026, 0, 1), 30_000));
  assert.deepEqual(late, [20053, 17186, 28991]);
});

/** In 16 equal parts there are about as many of each: chi squared of 15 degrees, which chance exceeds once in 10,000. */
function isEven(late: readonly number[], spread: number): boolean {
  const parts = new Array<number>(16).fill(0);
  for (const ms of late) parts[Math.floor(ms / spread * 16)] = (parts[Math.floor(ms / spread * 16)] ?? 0) + 1;
  const expected = late.length / 16;
  return parts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0) < 44.3;
}

for (const interval of [1, 200, 1000, 60_000, 3_600_000, 86_400_000]) {
  test(`spread evenly over the slots of a timer of ${interval} ms, and over the timers of one slot`, () => {
    const [from, spread] = [Math.floor(Date.UTC(2026, 0, 1) / interval) * interval, 30_000];
    const ofSlots = Array.from({ length: 8000 }, (_, at) => spreadOf("restock", from + at * interval, spread));
    assert.ok(isEven(ofSlots, spread), "slots");
    const ofTimers = Array.from({ length: 8000 }, (_, at) => spreadOf(`shop${at}`, from, spread));
    assert.ok(isEven(ofTimers, spread), "timers");
    // Neighbours differ by anything, too.
    const steps = ofSlots.slice(1).map((late, at) => (late - (ofSlots[at] ?? 0) + spread) % spread);
    assert.ok(isEven(steps, spread), "neighbours");
  });
}
