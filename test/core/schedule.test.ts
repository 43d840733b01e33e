import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nextSlot } from "../../src/core/schedule.ts";

const intervals = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 400 * 86_400_000 }));
const moments = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) });

test("a slot is a multiple of the interval, strictly later, and the first such", () => {
  fc.assert(fc.property(intervals, moments, (interval, after) => {
    const slot = nextSlot(interval, after);
    assert.equal(slot % interval, 0);
    assert.ok(slot > after);
    assert.ok(slot - interval <= after);
  }));
});

test("the moment of a slot belongs to the next one", () => {
  assert.equal(nextSlot(2000, 4000), 6000);
  assert.equal(nextSlot(2000, 3999), 4000);
  assert.equal(nextSlot(2000, 0), 2000);
});

test("however long each run takes, no slot drifts: the mean period is the interval", () => {
  fc.assert(
    fc.property(intervals, moments, fc.array(fc.double({ min: 0, max: 0.999, noNaN: true })), (every, from, runs) => {
      const first = nextSlot(every, from);
      let slot = first;
      for (const took of runs) slot = nextSlot(every, slot + Math.floor(took * every));
      assert.equal(slot, first + runs.length * every);
    }),
  );
});
