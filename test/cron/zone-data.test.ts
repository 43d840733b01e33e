/** Runtimes whose time zone data differ: what one has run by its own the other neither runs again nor leaves out. */
import type { TimerRecord } from "../../src/worker/timers/timer-record.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { beginning, nextDue } from "../../src/core/policy.ts";
import { every, type Rule } from "../../src/core/rule.ts";
import type { CatchUp } from "../../src/core/timer.ts";
import { cronRule } from "../../src/cron/rule.ts";
import { zoneOf, zoneShowing } from "../../src/cron/zone.ts";
import { replay, timerEntry } from "../../src/worker/master/journal/journal.ts";
import { TimerState } from "../../src/worker/timers/timer-state.ts";

const HOUR = 3_600_000;
const ZONE = "America/Vancouver";
/** Clocks are put back here by old data, and are not by new ones. */
const CHANGE = Date.UTC(2026, 10, 1, 9);
const OLD = zoneShowing((instant) => instant - (instant < CHANGE ? 7 : 8) * HOUR);
const NEW = zoneShowing((instant) => instant - 7 * HOUR);
/** Half an hour put forward by old data only. */
const ODD = zoneShowing((instant) => instant - (instant < CHANGE ? 7 : 6.5) * HOUR);

const rulesOf = (pattern: string) => [OLD, NEW, ODD].map((zone) => cronRule(pattern, ZONE, zone));

/**
 * A master that runs a rule from a journal's entry until a moment, or dies after so many runs, by the policy alone; what it
 * has run, and the entry.
 */
function termOf(
  rule: Rule,
  catchUp: CatchUp,
  record: TimerRecord | undefined,
  from: number,
  until: number,
  most = Infinity,
) {
  const state = new TimerState("w", rule);
  state.begin(record);
  let progress = beginning(rule, { immediately: false }, from, { last: state.position, since: from });
  if (record) progress = beginning(rule, { immediately: false }, from, { last: state.position });
  const ran: string[] = [];
  for (let now = from; ran.length < most;) {
    const due = nextDue(rule, { catchUp, catchUpWithin: Infinity }, progress, now);
    assert.ok(due);
    now = Math.max(now, due.slot);
    if (now > until) break;
    progress = { ...progress, after: due.slot };
    ran.push(rule.label?.(due.slot) ?? "");
    const run = { slot: due.slot, caughtUp: due.caughtUp, outcome: "ok", error: undefined, records: [] } as const;
    state.settle(record = state.after(run, 1, undefined));
    record = replay([timerEntry("x", record)], "t").timers.get("x");
  }
  return { ran, record };
}

test("a slot of fixed times has a label, and the label is that slot again, in every zone and at every change", () => {
  const zones = [ZONE, "Europe/Berlin", "Australia/Lord_Howe", "America/Nuuk", "Pacific/Apia", "UTC"];
  const pattern = fc.tuple(fc.constantFrom("0", "30", "0,15,45", "10-12"), fc.constantFrom("2", "0-23", "0,1,2,3"))
    .map(([minute, hour]) => `${minute} ${hour} * * *`);
  const moments = ["2026-03-29", "2026-10-25", "2026-11-01", "2026-03-08", "2024-03-31", "2011-12-29"];
  fc.assert(
    fc.property(fc.constantFrom(...zones), pattern, fc.constantFrom(...moments), (zone, pattern, from) => {
      const rule = cronRule(pattern, zone);
      let label = "";
      for (let n = 0, slot = rule.next(Date.parse(from)); n < 30 && slot !== undefined; n++, slot = rule.next(slot)) {
        const next = rule.label?.(slot) ?? assert.fail();
        assert.ok(next > label, `${next} after ${label}`);
        assert.equal(rule.labelled?.(next), slot, next);
        label = next;
      }
    }),
    { numRuns: 40 },
  );
});

test("labels are those of fixed times in their own zone", () => {
  const rule = cronRule("0 8 * * *", ZONE, NEW);
  assert.equal(rule.label?.(Date.UTC(2026, 11, 1, 15)), "2026-12-01T08:00 America/Vancouver");
  assert.equal(
    cronRule("30 0 8 * * *", ZONE, OLD).label?.(Date.UTC(2026, 11, 1, 16, 0, 30)),
    `2026-12-01T08:00:30 ${ZONE}`,
  );
  assert.equal(rule.labelled?.("2026-12-01T08:00 America/Vancouver"), Date.UTC(2026, 11, 1, 15));
  assert.equal(rule.labelled?.("2026-12-01T08:00 Europe/Berlin"), undefined);
  assert.equal(rule.labelled?.("rubbish America/Vancouver"), undefined);
  assert.deepEqual([cronRule("*/5 * * * *", ZONE).label, every(1000).label], [undefined, undefined]);
});

test("the next master, by whose data the time is an hour earlier or later, runs no label twice and leaves none out", () => {
  for (const pattern of ["0 8 * * *", "0 0-23 * * *", "0,15,30,45 0-23 * * *"]) {
    const [old, newer] = rulesOf(pattern);
    assert.ok(old && newer);
    const from = Date.UTC(2026, 11, 1, 0, 1);
    for (const [first, second] of [[old, newer], [newer, old]] as const) {
      const before = termOf(first, "all", undefined, from, from + 40 * HOUR);
      const after = termOf(second, "all", before.record, from + 40 * HOUR, from + 90 * HOUR);
      const labels = [...before.ran, ...after.ran];
      assert.deepEqual(labels, [...new Set(labels)].sort(), pattern);
      const [start = "", end = ""] = [labels[0], labels.at(-1)];
      const all = second.count((second.labelled?.(start) ?? NaN) - 1, second.labelled?.(end) ?? NaN);
      assert.equal(labels.length, all, `${pattern}: none is left out`);
    }
  }
});

test("mastership may move between three that disagree, as often as it likes", () => {
  const terms = fc.array(
    fc.record({
      who: fc.nat(2),
      hours: fc.integer({ min: 1, max: 40 }),
      gap: fc.nat(5),
      most: fc.oneof(fc.constant(Infinity), fc.integer({ min: 1, max: 3 })),
    }, { noNullPrototype: true }),
    { minLength: 3, maxLength: 8 },
  );
  const pattern = fc.constantFrom("0 8 * * *", "0 0-23 * * *", "20,50 0-23 * * *", "0 2 * * *", "0,30 1,2 * * *");
  fc.assert(
    fc.property(pattern, fc.constantFrom<CatchUp>("all", "one"), terms, (pattern, catchUp, terms) => {
      const rules = rulesOf(pattern);
      let [now, record]: [number, TimerRecord | undefined] = [CHANGE - 20 * HOUR, undefined];
      const labels: string[] = [];
      for (const { who, hours, gap, most } of terms) {
        const rule = rules[who] ?? assert.fail();
        const from = now + gap * HOUR;
        const term = termOf(rule, catchUp, record, from, now = from + hours * HOUR, most);
        record = term.record;
        labels.push(...term.ran);
      }
      assert.deepEqual(labels, [...new Set(labels)].sort(), "each once, and in order");
    }),
    { numRuns: 60 },
  );
});

test("a year's mark tells data apart, and is the same for what is the same", () => {
  const mark = (zone: Parameters<typeof cronRule>[2], year: number) =>
    cronRule("0 8 * * *", ZONE, zone).zone?.mark(year);
  assert.equal(mark(OLD, 2025), mark(NEW, 2025));
  assert.notEqual(mark(OLD, 2026), mark(NEW, 2026), "from November on they differ");
  assert.notEqual(mark(OLD, 2027), mark(NEW, 2027));
  assert.notEqual(mark(OLD, 2026), mark(ODD, 2026));
  assert.match(mark(NEW, 2026) ?? "", /^[0-9a-f]{8}$/);
  assert.deepEqual([cronRule("0 8 * * *", "UTC").zone, cronRule("*/5 * * * *", ZONE).zone?.name], [undefined, ZONE]);
  // What is put back for a month is seen.
  const year = [Date.UTC(2025, 0, 1), Date.UTC(2026, 0, 1)] as const;
  assert.ok(zoneOf("Africa/Casablanca").offsets(...year).length >= 3);
  assert.deepEqual(zoneOf("Europe/Berlin").offsets(...year), [
    { from: year[0], offset: HOUR },
    { from: Date.UTC(2025, 2, 30, 1), offset: 2 * HOUR },
    { from: Date.UTC(2025, 9, 26, 1), offset: HOUR },
  ]);
});
