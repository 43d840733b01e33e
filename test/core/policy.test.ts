import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { beginning, nextDue, type Progress, retryPause } from "../../src/core/policy.ts";
import { every, type Rule } from "../../src/core/rule.ts";
import type { CatchUp } from "../../src/core/timer.ts";

const HOUR = 3_600_000;
const due = (catchUp: CatchUp, progress: Progress, now: number, catchUpWithin = HOUR) =>
  nextDue(every(10), { catchUp, catchUpWithin }, progress, now);

test("the next slot is waited for", () => {
  for (const catchUp of ["one", "skip", "all"] as const) {
    assert.deepEqual(due(catchUp, { after: 100, begun: 95 }, 103), { slot: 110, caughtUp: false, skipped: 0 });
    assert.deepEqual(due(catchUp, { after: 100, begun: 95 }, 110), { slot: 110, caughtUp: false, skipped: 0 });
    assert.deepEqual(due(catchUp, { after: 100, begun: 95 }, 119), { slot: 110, caughtUp: false, skipped: 0 });
  }
});

test("of slots that passed while nobody ticked the last is run, none, or all", () => {
  const progress = { after: 100, begun: 135 };
  assert.deepEqual(due("one", progress, 135), { slot: 130, caughtUp: true, skipped: 2 });
  assert.deepEqual(due("skip", progress, 135), { slot: 140, caughtUp: false, skipped: 3 });
  assert.deepEqual(due("all", progress, 135), { slot: 110, caughtUp: true, skipped: 0 });
  assert.deepEqual(due("all", { after: 110, begun: 135 }, 135), { slot: 120, caughtUp: true, skipped: 0 });
  assert.deepEqual(due("all", { after: 120, begun: 135 }, 141), { slot: 130, caughtUp: true, skipped: 0 });
  assert.deepEqual(due("all", { after: 130, begun: 135 }, 141), { slot: 140, caughtUp: false, skipped: 0 });
});

test("what a process that was busy or frozen has missed is missed, except for the newest slot", () => {
  const progress = { after: 100, begun: 50 };
  assert.deepEqual(due("one", progress, 135), { slot: 130, caughtUp: false, skipped: 2 });
  assert.deepEqual(due("skip", progress, 135), { slot: 130, caughtUp: false, skipped: 2 });
  assert.deepEqual(due("all", progress, 135), { slot: 110, caughtUp: true, skipped: 0 });
});

test("what is too old is skipped, and counted", () => {
  const progress = { after: 100, begun: 200 };
  assert.deepEqual(due("one", progress, 205, 5), { slot: 200, caughtUp: true, skipped: 9 });
  assert.deepEqual(due("one", progress, 206, 5), { slot: 210, caughtUp: false, skipped: 10 });
  assert.deepEqual(due("all", progress, 205, 20), { slot: 190, caughtUp: true, skipped: 8 });
  assert.deepEqual(due("all", progress, 209, 5), { slot: 210, caughtUp: false, skipped: 10 });
  assert.deepEqual(due("all", { after: 100, begun: 50 }, 209, 0), { slot: 200, caughtUp: false, skipped: 9 });
});

test("slots not later than the journal's last never run, also when the clock is behind it", () => {
  assert.deepEqual(due("all", { after: 1000, begun: 105 }, 105), { slot: 1010, caughtUp: false, skipped: 0 });
});

test("a timer that has never run begins with the next slot, or at once with the latest", () => {
  const rule = every(86_400_000);
  const now = 10.4 * 86_400_000;
  const next = (immediately: boolean) =>
    nextDue(rule, { catchUp: "skip", catchUpWithin: HOUR }, beginning(rule, { immediately }, now), now);
  assert.deepEqual(next(false), { slot: 11 * 86_400_000, caughtUp: false, skipped: 0 });
  assert.deepEqual(next(true), { slot: 10 * 86_400_000, caughtUp: false, skipped: 0 });
});

/** One that has only these slots. */
function only(...slots: number[]): Rule {
  return {
    text: "only",
    next: (after) => slots.find((slot) => slot > after),
    latest: (at) => slots.findLast((slot) => slot <= at),
    count: (after, until) => slots.filter((slot) => slot > after && slot <= until).length,
  };
}

test("a rule that has ended gives nothing more", () => {
  const policy = { catchUp: "one", catchUpWithin: HOUR } as const;
  assert.equal(nextDue(only(), policy, { after: 0, begun: 0 }, 5), undefined);
  assert.equal(nextDue(only(3), policy, { after: 3, begun: 0 }, 5), undefined);
  assert.equal(nextDue(only(3), { ...policy, catchUp: "skip" }, { after: 0, begun: 4 }, 5), undefined);
  assert.deepEqual(nextDue(only(3), policy, { after: 0, begun: 4 }, 5), { slot: 3, caughtUp: true, skipped: 0 });
  assert.deepEqual(beginning(only(9), { immediately: true }, 5), { after: 5, begun: 5 });
});

test("every slot is run once or counted as skipped once, in order; with all none within the window is skipped", () => {
  const slots = fc.uniqueArray(fc.nat(500), { minLength: 1 }).map((list) => list.sort((a, b) => a - b));
  fc.assert(fc.property(
    fc.oneof(slots.map((list) => only(...list)), fc.integer({ min: 1, max: 60 }).map(every)),
    fc.constantFrom<CatchUp>("one", "skip", "all"),
    fc.oneof(fc.constant(HOUR), fc.nat(100)),
    fc.nat(300),
    fc.nat(300),
    fc.array(fc.nat(120), { minLength: 1 }),
    (rule, catchUp, catchUpWithin, after, begun, passing) => {
      let progress: Progress = { after, begun };
      let now = begun;
      let skipped = 0;
      const run: number[] = [];
      for (const ms of passing) {
        now += ms;
        for (;;) {
          const next = nextDue(rule, { catchUp, catchUpWithin }, progress, now);
          if (next === undefined) break;
          assert.ok(next.slot > progress.after && next.skipped >= 0);
          skipped += next.skipped;
          if (next.slot > now) {
            assert.equal(next.caughtUp, false);
            progress = { ...progress, after: Math.max(progress.after, next.slot - 1) };
            break;
          }
          if (next.caughtUp) assert.ok(next.slot >= now - catchUpWithin && catchUp !== "skip");
          if (catchUp === "all") assert.ok(next.skipped === 0 || catchUpWithin < HOUR);
          run.push(next.slot);
          progress = { ...progress, after: next.slot };
        }
      }
      assert.deepEqual(run, [...new Set(run)].sort((a, b) => a - b));
      assert.ok(run.every((slot) => slot > after && rule.latest(slot) === slot));
      // Only at the end of a rule some are skipped untold.
      const dealt = rule.count(after, progress.after);
      assert.equal(run.length + skipped, dealt);
    },
  ));
});

test("pauses before another try grow, up to a minute", () => {
  assert.deepEqual([1, 2, 3, 11, 99].map(retryPause), [100, 200, 400, 60_000, 60_000]);
});
