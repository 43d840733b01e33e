import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { every, shortestOf } from "../../src/core/rule.ts";

const intervals = fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 400 * 86_400_000 }));
const moments = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) });

test("an interval's slots: next is later, latest is not, and nothing lies between", () => {
  fc.assert(fc.property(intervals, moments, (interval, at) => {
    const rule = every(interval);
    const [next = NaN, latest = NaN] = [rule.next(at), rule.latest(at)];
    assert.ok(latest <= at && at < next);
    assert.equal(next - latest, interval);
    assert.equal(rule.latest(next), next);
    assert.equal(rule.latest(next - 1), latest);
  }));
});

test("a count is how often next can be asked", () => {
  fc.assert(fc.property(intervals, moments, fc.nat(200), (interval, from, steps) => {
    const rule = every(interval);
    let slot = from;
    for (let step = 0; step < steps; step++) slot = rule.next(slot) ?? NaN;
    assert.equal(rule.count(from, slot), steps);
    if (steps > 0) assert.equal(rule.count(from, slot - 1), steps - 1);
    assert.equal(rule.count(slot, from), 0);
  }));
});

test("a rule says what it is", () => {
  assert.equal(every(90_000).text, "every 1m30s");
  assert.equal(every(90_000).every, 90_000);
  assert.equal(shortestOf(every(90_000)), 90_000);
});

test("the shortest time between slots is found without an interval, and where slots end", () => {
  const at = [0, 10, 17, 30].map((slot) => Date.UTC(2026, 0, 2) + slot);
  const rule = {
    text: "four",
    next: (after: number) => at.find((slot) => slot > after),
    latest: (before: number) => at.findLast((slot) => slot <= before),
    count: (after: number, until: number) => at.filter((slot) => slot > after && slot <= until).length,
  };
  assert.equal(shortestOf(rule), 7);
  assert.equal(shortestOf({ ...rule, next: () => undefined }), Infinity);
});
