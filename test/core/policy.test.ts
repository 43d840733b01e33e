import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  beginning,
  droppedBefore,
  nextDue,
  type Progress,
  QUEUE_LIMIT,
  type SlotPolicy,
} from "../../src/core/policy.ts";
import { every, type Rule } from "../../src/core/rule.ts";
import type { CatchUp, Overlap } from "../../src/core/timer.ts";

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

test("a moment between two milliseconds is as good as another", () => {
  assert.deepEqual(due("all", { after: 100, begun: 205 }, 205.5, 25), { slot: 190, caughtUp: true, skipped: 8 });
  assert.deepEqual(due("all", { after: 100, begun: 205 }, 205.5, 15), { slot: 200, caughtUp: true, skipped: 9 });
});

test("without a window the last missed slot is run, however old it is", () => {
  const year = 365 * 24 * HOUR;
  assert.deepEqual(nextDue(only(3), { catchUp: "one", catchUpWithin: Infinity }, { after: 0, begun: year }, year), {
    slot: 3,
    caughtUp: true,
    skipped: 0,
  });
});

const queue = (catchUp: CatchUp, catchUpWithin = HOUR): SlotPolicy => ({ overlap: "queue", catchUp, catchUpWithin });

test("what waits in a queue has no window: only what was missed has one", () => {
  const progress = { after: 100, begun: 105 };
  for (const catchUp of ["one", "skip", "all"] as const) {
    assert.deepEqual(nextDue(every(10), queue(catchUp, 5), progress, 999), { slot: 110, caughtUp: false, skipped: 0 });
  }
  const missed = { after: 50, begun: 105 };
  const next = (catchUp: CatchUp, within: number) => nextDue(every(10), queue(catchUp, within), missed, 128);
  assert.deepEqual(next("one", HOUR), { slot: 100, caughtUp: true, skipped: 4 });
  assert.deepEqual(next("one", 5), { slot: 110, caughtUp: false, skipped: 5 });
  assert.deepEqual(next("all", HOUR), { slot: 60, caughtUp: true, skipped: 0 });
  assert.deepEqual(next("all", 40), { slot: 90, caughtUp: true, skipped: 3 });
  assert.deepEqual(next("skip", HOUR), { slot: 110, caughtUp: false, skipped: 5 });
});

test("a queue that is full drops its oldest, however its slots are found, unless all are wanted", () => {
  const begun = 5;
  const ten = every(10);
  // The same slots by looking for one after the other.
  const slow: Rule = { text: "ten", next: ten.next, latest: ten.latest, count: ten.count };
  for (const rule of [ten, slow]) {
    const at = (waiting: number, policy = queue("one")) => nextDue(rule, policy, { after: 0, begun }, waiting * 10);
    assert.deepEqual(at(QUEUE_LIMIT), { slot: 10, caughtUp: false, skipped: 0 });
    assert.deepEqual(at(QUEUE_LIMIT + 3), { slot: 40, caughtUp: false, skipped: 3 });
    assert.deepEqual(at(5 * QUEUE_LIMIT), { slot: 40 * QUEUE_LIMIT + 10, caughtUp: false, skipped: 4 * QUEUE_LIMIT });
    assert.equal(at(5 * QUEUE_LIMIT, queue("all"))?.slot, 10);
    assert.equal(at(5 * QUEUE_LIMIT, queue("all", 15_000))?.slot, 50 * QUEUE_LIMIT - 15_000);
    assert.equal(at(5 * QUEUE_LIMIT, queue("all", 1000))?.slot, 40 * QUEUE_LIMIT + 10);
  }
});

test("why slots are dropped: they are too old, or too many wait", () => {
  const dropped = (policy: SlotPolicy, progress: Progress, now: number) => {
    const next = nextDue(every(10), policy, progress, now);
    assert.ok(next);
    return [next.skipped, droppedBefore(next.slot, every(10), policy, progress, now)];
  };
  const progress = { after: 100, begun: 200 };
  const policy = (catchUp: CatchUp, catchUpWithin: number) => ({ catchUp, catchUpWithin });
  assert.deepEqual(dropped(policy("all", 20), progress, 205), [8, { tooOld: 8, tooMany: 0 }]);
  assert.deepEqual(dropped(policy("all", 5), progress, 209), [10, { tooOld: 10, tooMany: 0 }]);
  assert.deepEqual(dropped(policy("one", 5), progress, 209), [10, { tooOld: 1, tooMany: 0 }]);
  assert.deepEqual(dropped(policy("one", HOUR), progress, 209), [9, { tooOld: 0, tooMany: 0 }]);
  assert.deepEqual(dropped(policy("skip", 0), progress, 209), [10, { tooOld: 0, tooMany: 0 }]);
  assert.deepEqual(dropped(policy("one", 0), { after: 100, begun: 50 }, 209), [9, { tooOld: 0, tooMany: 0 }]);
  const late = 105 + 10 * (QUEUE_LIMIT + 7);
  assert.deepEqual(dropped(queue("one", 0), { after: 50, begun: 105 }, late), [12, { tooOld: 1, tooMany: 7 }]);
  assert.deepEqual(dropped(queue("all", 0), { after: 50, begun: 105 }, late), [12, { tooOld: 5, tooMany: 7 }]);
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

test("a timer begins behind its last run, and behind the moment at which its rule was first seen", () => {
  const begin = (known: Parameters<typeof beginning>[3], immediately = false) =>
    beginning(every(10), { immediately }, 155, known);
  assert.deepEqual(begin({}), { after: 155, begun: 155 });
  assert.deepEqual(begin({ since: 123 }), { after: 123, begun: 155 }, "what has come since was missed");
  assert.deepEqual(begin({ last: 110, since: 100 }), { after: 110, begun: 155 });
  assert.deepEqual(begin({ last: 110, since: 140 }), { after: 140, begun: 155 }, "the rule was another before");
  assert.deepEqual(begin({ last: 110 }), { after: 110, begun: 155 });
  assert.deepEqual(begin({}, true), { after: 149, begun: 149 });
  assert.deepEqual(begin({ since: 123 }, true), { after: 119, begun: 149 }, "with the slot that had passed then");
  assert.deepEqual(begin({ last: 110, since: 100 }, true), { after: 110, begun: 155 }, "it has run before");
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
    fc.constantFrom<Overlap>("skip", "queue"),
    fc.oneof(fc.constant(HOUR), fc.nat(100)),
    fc.nat(300),
    fc.nat(300),
    fc.array(fc.oneof(fc.nat(120), fc.nat(1200).map((tenths) => tenths / 10)), { minLength: 1 }),
    (rule, catchUp, overlap, catchUpWithin, after, begun, passing) => {
      const policy = { overlap, catchUp, catchUpWithin };
      let progress: Progress = { after, begun };
      let now = begun;
      let skipped = 0;
      const run: number[] = [];
      for (const ms of passing) {
        now += ms;
        for (;;) {
          const next = nextDue(rule, policy, progress, now);
          if (next === undefined) break;
          assert.ok(next.slot > progress.after && next.skipped >= 0);
          const dropped = droppedBefore(next.slot, rule, policy, progress, now);
          assert.ok(dropped.tooMany === 0 && dropped.tooOld >= 0 && dropped.tooOld <= next.skipped);
          if (catchUp === "all") assert.equal(dropped.tooOld, next.skipped);
          if (overlap === "queue") assert.ok(next.skipped <= rule.count(progress.after, begun), "what queues is run");
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
