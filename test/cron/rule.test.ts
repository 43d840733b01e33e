/** Cron patterns over the nights on which clocks are changed, against a clock that is looked at minute by minute. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Rule } from "../../src/core/rule.ts";
import { cronRule } from "../../src/cron/rule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Moments at which a clock was, or will be, changed. */
const CHANGES: readonly (readonly [zone: string, instant: string])[] = [
  ["Europe/Berlin", "2026-03-29T01:00Z"],
  ["Europe/Berlin", "2026-10-25T01:00Z"],
  ["America/New_York", "2026-03-08T07:00Z"],
  ["America/New_York", "2026-11-01T06:00Z"],
  // Half an hour.
  ["Australia/Lord_Howe", "2026-10-03T15:30Z"],
  ["Australia/Lord_Howe", "2026-04-04T15:00Z"],
  // Two hours.
  ["Antarctica/Troll", "2026-03-29T01:00Z"],
  ["Antarctica/Troll", "2026-10-25T01:00Z"],
  // Up to midnight, from midnight, and back over midnight.
  ["America/Nuuk", "2024-03-31T01:00Z"],
  ["America/Nuuk", "2024-10-27T01:00Z"],
  ["America/Sao_Paulo", "2018-11-04T03:00Z"],
  ["America/Sao_Paulo", "2019-02-17T02:00Z"],
  // A day that never was: 30 December 2011.
  ["Pacific/Apia", "2011-12-30T10:00Z"],
  // Half an hour for good, in the middle of the day.
  ["Asia/Pyongyang", "2018-05-04T15:00Z"],
  ["UTC", "2026-03-29T01:00Z"],
  ["Asia/Kathmandu", "2026-03-29T01:00Z"],
];

/** What a clock shows in the minutes around a change: pairs of an instant and what it shows, as if it were UTC. */
const shown = new Map<string, readonly (readonly [instant: number, wall: number])[]>();
function minutesAround(zone: string, change: string) {
  const key = zone + change;
  const known = shown.get(key);
  if (known) return known;
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  const from = Date.parse(change) - 3 * DAY;
  const minutes = Array.from({ length: 6 * 24 * 60 }, (_, at) => {
    const instant = from + at * MINUTE;
    return [instant, Date.parse(format.format(instant).replace(" ", "T") + "Z")] as const;
  });
  shown.set(key, minutes);
  return minutes;
}

/** A pattern, and what it says in numbers. */
interface Sample {
  readonly pattern: string;
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly weekdays: readonly number[];
  /** It runs whenever the clock shows it, rather than once for each time. */
  readonly inRhythm: boolean;
}

const range = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, at) => from + at * step);

/** A field: its text, its values, and whether it is a rhythm. */
const field = (most: number, steps: readonly number[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.nat(most).map((one) => ({ text: `${one}`, values: [one], rhythm: false })) },
    fc.constant({ text: "*", values: range(0, most), rhythm: true }),
    fc.constantFrom(...steps).map((step) => ({ text: `*/${step}`, values: range(0, most, step), rhythm: true })),
    fc.uniqueArray(fc.nat(most), { minLength: 2, maxLength: 5 }).map((list) => ({
      text: list.join(),
      values: list,
      rhythm: false,
    })),
    fc.tuple(fc.nat(most), fc.nat(most)).map((pair) => {
      const [from, to] = [Math.min(...pair), Math.max(...pair)];
      return { text: `${from}-${to}`, values: range(from, to), rhythm: false };
    }),
  );

const weekdays = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ text: "*", values: range(0, 6) }) },
  fc.constant({ text: "mon-fri", values: range(1, 5) }),
  fc.nat(6).map((day) => ({ text: `${day}`, values: [day] })),
);

const samples: fc.Arbitrary<Sample> = fc.tuple(
  field(59, [5, 15, 30, 7]),
  // The small hours are where clocks are changed.
  fc.oneof(
    field(23, [2, 3]),
    fc.uniqueArray(fc.nat(3), { minLength: 1 }).map((list) => ({ text: list.join(), values: list, rhythm: false })),
  ),
  weekdays,
).map(([minute, hour, day]) => ({
  pattern: `${minute.text} ${hour.text} * * ${day.text}`,
  minutes: minute.values,
  hours: hour.values,
  weekdays: day.values,
  inRhythm: minute.rhythm || hour.rhythm,
}));

const matches = ({ minutes, hours, weekdays }: Sample, wall: number) => {
  const date = new Date(wall);
  return minutes.includes(date.getUTCMinutes()) && hours.includes(date.getUTCHours()) &&
    weekdays.includes(date.getUTCDay());
};

/** The slots around a change, by looking at the clock in every minute. The first days are not asked for. */
function slotsAround(sample: Sample, clock: readonly (readonly [number, number])[]): number[] {
  if (sample.inRhythm) return clock.filter(([, wall]) => matches(sample, wall)).map(([instant]) => instant);
  const slots: number[] = [];
  let furthest = -Infinity;
  for (const [instant, wall] of clock) {
    // Whatever the clock has come to, or been put forward over, since the minute before.
    const from = furthest === -Infinity ? wall : furthest + MINUTE;
    for (let passed = from; passed <= wall; passed += MINUTE) {
      if (!matches(sample, passed)) continue;
      slots.push(instant);
      break;
    }
    furthest = Math.max(furthest, wall);
  }
  return slots;
}

test("around every change of a clock the slots are those of a person who looks at it", () => {
  for (const [zone, change] of CHANGES) {
    const clock = minutesAround(zone, change);
    const at = Date.parse(change);
    // Most of what can go wrong does so within hours.
    const moments = fc.oneof(
      fc.integer({ min: at - 2 * DAY, max: at + 2 * DAY }),
      fc.integer({ min: -3 * 60, max: 3 * 60 }).map((minutes) => at + minutes * MINUTE),
    );
    fc.assert(
      fc.property(
        samples,
        moments,
        moments,
        (sample, a, b) => {
          const rule = cronRule(sample.pattern, zone);
          const slots = slotsAround(sample, clock);
          const expected = slots.filter((slot) => slot > a);
          const what = `${sample.pattern} in ${zone} after ${new Date(a).toISOString()}`;
          if (expected.length > 0) {
            assert.equal(iso(rule.next(a)), iso(expected[0]), `next of ${what}`);
            for (const slot of [expected[0] ?? 0, expected.at(-1) ?? 0]) {
              assert.equal(iso(rule.latest(slot)), iso(slot), `latest of ${what}`);
              assert.ok((rule.latest(slot - 1) ?? 0) < slot);
            }
          } else assert.ok((rule.next(a) ?? Infinity) > (clock.at(-1)?.[0] ?? 0));
          const latest = slots.filter((slot) => slot <= a).at(-1);
          if (latest !== undefined) assert.equal(iso(rule.latest(a)), iso(latest), `latest of ${what}`);
          assert.equal(
            rule.count(a, b),
            slots.filter((slot) => slot > a && slot <= b).length,
            `count of ${what} ${iso(b)}`,
          );
        },
      ),
      { numRuns: 60 },
    );
  }
});

const pick = (rule: Rule, after: string, count: number) => {
  const slots: string[] = [];
  for (let slot = rule.next(Date.parse(after)); slot !== undefined && slots.length < count; slot = rule.next(slot)) {
    slots.push(iso(slot));
  }
  return slots;
};

/** Written by hand, and the same on every runtime. */
const NIGHTS: readonly (readonly [what: string, pattern: string, zone: string, after: string, slots: string[]])[] = [
  [
    "a daily time that is not there runs when the clock has jumped",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-03-28T00:00Z",
    [
      "2026-03-28T01:30",
      "2026-03-29T01:00",
      "2026-03-30T00:30",
    ],
  ],
  ["a daily time that is there twice runs at the first", "30 2 * * *", "Europe/Berlin", "2026-10-24T00:00Z", [
    "2026-10-24T00:30",
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]],
  [
    "the time at which the clock is put back comes once, after the hour that comes again",
    "0 3 * * *",
    "Europe/Berlin",
    "2026-10-25T01:30Z",
    ["2026-10-25T02:00", "2026-10-26T02:00"],
  ],
  ["hourly goes on hour by hour where one is missing", "0 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", [
    "2026-03-29T01:00",
    "2026-03-29T02:00",
  ]],
  ["hourly goes on hour by hour where one comes again", "0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z", [
    "2026-10-25T00:00",
    "2026-10-25T01:00",
    "2026-10-25T02:00",
  ]],
  [
    "every five minutes goes on through the hour that comes again",
    "*/5 * * * *",
    "America/New_York",
    "2026-11-01T05:50Z",
    [
      "2026-11-01T05:55",
      "2026-11-01T06:00",
      "2026-11-01T06:05",
    ],
  ],
  ["weekly on the night itself", "15 2 * * sun", "America/New_York", "2026-03-02T00:00Z", [
    "2026-03-08T07:00",
    "2026-03-15T06:15",
  ]],
  ["weekly, there twice", "30 1 * * sun", "America/New_York", "2026-10-26T00:00Z", [
    "2026-11-01T05:30",
    "2026-11-08T06:30",
  ]],
  ["half an hour that is not there", "15 2 * * *", "Australia/Lord_Howe", "2026-10-02T00:00Z", [
    "2026-10-02T15:45",
    "2026-10-03T15:30",
    "2026-10-04T15:15",
  ]],
  ["half an hour that is there twice", "45 1 * * *", "Australia/Lord_Howe", "2026-04-03T00:00Z", [
    "2026-04-03T14:45",
    "2026-04-04T14:45",
    "2026-04-05T15:15",
  ]],
  ["put forward to midnight, into another day", "30 23 * * *", "America/Nuuk", "2024-03-29T12:00Z", [
    "2024-03-30T01:30",
    "2024-03-31T01:00",
    "2024-04-01T00:30",
  ]],
  ["weekly on a day that never was", "0 8 * * fri", "Pacific/Apia", "2011-12-20T00:00Z", [
    "2011-12-23T18:00",
    "2011-12-30T10:00",
    "2012-01-05T18:00",
  ]],
  ["several times that are not there are one", "0,30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", [
    "2026-03-29T01:00",
    "2026-03-30T00:00",
  ]],
  ["29 February", "0 0 29 2 *", "UTC", "2026-01-01T00:00Z", ["2028-02-29T00:00", "2032-02-29T00:00"]],
  ["seconds", "*/20 59 23 * * *", "UTC", "2026-01-01T00:00Z", ["2026-01-01T23:59", "2026-01-01T23:59:20"]],
];

for (const [what, pattern, zone, after, slots] of NIGHTS) {
  test(`${what}: ${pattern} in ${zone}`, () => {
    const rule = cronRule(pattern, zone);
    assert.deepEqual(pick(rule, after, slots.length), slots.map((slot) => iso(Date.parse(slot + "Z"))));
  });
}

/** Patterns of every kind, over a century. */
const patterns = fc.constantFrom(
  "* * * * * *",
  "*/7 * * * *",
  "0 * * * *",
  "30 2 * * *",
  "30 2-3 * * *",
  "*/30 2 * * *",
  "0 8 * * mon-fri",
  "0 0 29 2 *",
  "0 0 L * *",
  "15 10 13 * fri",
  "0-59 0-59 1 * * *",
);
const zones = fc.constantFrom(...new Set(CHANGES.map(([zone]) => zone)));
const moments = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2090, 0, 1) });

test("a slot is strictly later, is its own latest, and is one more than before", () => {
  fc.assert(
    fc.property(patterns, zones, moments, (pattern, zone, after) => {
      const rule = cronRule(pattern, zone);
      const slot = rule.next(after) ?? NaN;
      assert.ok(slot > after);
      assert.equal(rule.latest(slot), slot);
      assert.ok((rule.latest(slot - 1) ?? NaN) <= after);
      assert.equal(rule.count(after, slot), 1);
      assert.equal(rule.count(after, slot - 1), 0);
      const latest = rule.latest(after) ?? NaN;
      assert.ok(latest <= after);
      assert.equal(rule.next(latest), slot);
    }),
    { numRuns: 300 },
  );
});

test("a count is how often next can be asked, also over a change", () => {
  fc.assert(
    fc.property(
      patterns,
      fc.constantFrom(...CHANGES),
      fc.nat(3 * DAY),
      fc.nat(400),
      (pattern, change, before, steps) => {
        const [zone, at] = change;
        const rule = cronRule(pattern, zone);
        const from = Date.parse(at) - before;
        let slot = from;
        // croner knows no year after 3000.
        const asked = pattern.includes("29") ? steps % 100 : steps;
        for (let step = 0; step < asked; step++) slot = rule.next(slot) ?? NaN;
        assert.equal(rule.count(from, slot), asked);
      },
    ),
    { numRuns: 60 },
  );
});

test("ten years of seconds are counted without counting to three hundred million", () => {
  const rule = cronRule("* * * * * *", "Europe/Berlin");
  const [from, until] = [Date.UTC(2020, 5, 1, 12, 34, 56), Date.UTC(2030, 5, 1, 1, 2, 3)];
  const begun = performance.now();
  assert.equal(rule.count(from, until), (until - from) / 1000);
  assert.ok(performance.now() - begun < 20_000, "too slow");
});

test("what a slot shows on its clock: moved, twice, or neither", () => {
  const berlin = cronRule("30 2 * * *", "Europe/Berlin");
  const at = (slot: string) => berlin.local?.(Date.parse(slot));
  assert.deepEqual(at("2026-03-28T01:30Z"), {
    wall: Date.UTC(2026, 2, 28, 2, 30),
    offset: HOUR,
    meant: Date.UTC(2026, 2, 28, 2, 30),
    twice: false,
  });
  assert.deepEqual(at("2026-03-29T01:00Z"), {
    wall: Date.UTC(2026, 2, 29, 3),
    offset: 2 * HOUR,
    meant: Date.UTC(2026, 2, 29, 2, 30),
    twice: false,
  });
  assert.deepEqual(at("2026-10-25T00:30Z"), {
    wall: Date.UTC(2026, 9, 25, 2, 30),
    offset: 2 * HOUR,
    meant: Date.UTC(2026, 9, 25, 2, 30),
    twice: true,
  });
});

function iso(instant: number | undefined): string {
  return instant === undefined || Number.isNaN(instant) ? "never" : new Date(instant).toISOString();
}
