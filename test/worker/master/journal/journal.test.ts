import type { TimerRecord } from "../../../../src/worker/timers/timer-record.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JournalEntry } from "../../../../src/driver/master-log.ts";
import {
  masterEntry,
  type MasterRecord,
  replay,
  ruleEntry,
  type RuleRecord,
  runningEntry,
  type RunningRecord,
  tasksEntry,
  timerEntry,
} from "../../../../src/worker/master/journal/journal.ts";
import { coded } from "../../../core/fakes.ts";

const count = fc.maxSafeNat();
const ends = fc.array(fc.record({ topic: fc.string(), partition: count, offset: count }, { noNullPrototype: true }), {
  maxLength: 3,
});
const timerRecord: fc.Arbitrary<TimerRecord> = fc.record({
  slot: count,
  outcome: fc.constantFrom("ok" as const, "failed" as const),
  epoch: count,
  worker: fc.string(),
  ran: count,
  failed: count,
  skipped: count,
  caughtUp: count,
  error: fc.string({ maxLength: 500 }),
  ends,
}, {
  requiredKeys: ["slot", "outcome", "epoch", "worker", "ran", "failed", "skipped", "caughtUp"],
  noNullPrototype: true,
});
const masterRecord: fc.Arbitrary<MasterRecord> = fc.record({
  epoch: count,
  generation: count,
  worker: fc.string(),
  version: fc.string(),
  resigned: fc.boolean(),
}, { noNullPrototype: true });

const ruleRecord: fc.Arbitrary<RuleRecord> = fc.record({ rule: fc.string(), since: count }, { noNullPrototype: true });
const runningRecord: fc.Arbitrary<RunningRecord> = fc.record({
  slot: count,
  since: count,
  epoch: count,
  worker: fc.string(),
}, { noNullPrototype: true });

const raw = (key: string, value: unknown): JournalEntry => ({
  key,
  value: new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value)),
});
const TIMER: TimerRecord = {
  slot: 2000,
  outcome: "ok",
  epoch: 7,
  worker: "box",
  ran: 1,
  failed: 0,
  skipped: 0,
  caughtUp: 0,
};
const MASTER: MasterRecord = { epoch: 7, generation: 3, worker: "box", version: "", resigned: false };

test("of each key the last entry counts, whatever the order of the keys", () => {
  const name = fc.constantFrom("a", "b", "c:d", "");
  const step = fc.oneof(
    fc.tuple(fc.constant("timer" as const), name, timerRecord),
    fc.tuple(fc.constant("gone" as const), name, fc.constant(undefined)),
    fc.tuple(fc.constant("rule" as const), name, ruleRecord),
    fc.tuple(fc.constant("running" as const), name, fc.option(runningRecord, { nil: undefined })),
    fc.tuple(fc.constant("master" as const), fc.constant(""), masterRecord),
    fc.tuple(fc.constant("tasks" as const), fc.constant(""), fc.constant(undefined)),
  );
  fc.assert(fc.property(fc.array(step), (steps) => {
    let master: MasterRecord | undefined;
    const timers = new Map<string, TimerRecord>();
    const rules = new Map<string, RuleRecord>();
    const running = new Map<string, RunningRecord>();
    const entries = steps.map(([what, name, record]): JournalEntry => {
      switch (what) {
        case "timer":
          timers.set(name, record);
          return timerEntry(name, record);
        case "gone":
          timers.delete(name);
          return { key: `timer:${name}`, value: null };
        case "rule":
          rules.set(name, record);
          return ruleEntry(name, record);
        case "running":
          if (record) running.set(name, record);
          else running.delete(name);
          return runningEntry(name, record);
        case "master":
          master = record;
          return masterEntry(record);
        case "tasks":
          return tasksEntry({ epoch: 1, commit: 2 });
      }
    });
    const found = replay(entries, "shop-master");
    assert.deepEqual(found.master, master);
    assert.deepEqual(Object.fromEntries(found.timers), Object.fromEntries(timers));
    assert.deepEqual(Object.fromEntries(found.rules), Object.fromEntries(rules));
    assert.deepEqual(Object.fromEntries(found.running), Object.fromEntries(running));
  }));
});

test("an empty journal says nothing", () => {
  const nothing = { master: undefined, timers: new Map(), rules: new Map(), running: new Map() };
  assert.deepEqual(replay([], "shop-master"), nothing);
});

test("what a newer version adds is passed over", () => {
  const entries = [
    raw("shards:restock", { format: 9, anything: [1] }),
    raw("timer:restock", { format: 1, ...TIMER, mood: "good" }),
  ];
  const { master, timers } = replay(entries, "shop-master");
  assert.deepEqual([master, timers], [undefined, new Map([["restock", TIMER]])]);
});

test("what cannot be read is an error that says which entry", () => {
  const rubbish: unknown[] = [
    "",
    "rubbish",
    "\u00ff{}",
    "[]",
    "null",
    "7",
    {},
    { ...TIMER },
    { format: 2, ...TIMER },
    { format: "1", ...TIMER },
    { format: 1, ...TIMER, slot: 1.5 },
    { format: 1, ...TIMER, slot: -1 },
    { format: 1, ...TIMER, slot: "2000" },
    { format: 1, ...TIMER, slot: undefined },
    { format: 1, ...TIMER, outcome: "well" },
    { format: 1, ...TIMER, worker: 7 },
    { format: 1, ...TIMER, ends: 7 },
    { format: 1, ...TIMER, ends: [7] },
    { format: 1, ...TIMER, ends: [{ topic: "t", partition: 0 }] },
  ];
  for (const value of rubbish) {
    assert.throws(
      () => replay([raw("timer:restock", value)], "shop-master"),
      coded("JOURNAL_UNUSABLE", /^The entry "timer:restock" of the journal shop-master cannot be read: /),
      JSON.stringify(value),
    );
  }
  for (const value of [{ ...MASTER }, { format: 1, ...MASTER, epoch: 2 ** 53 }, { format: 1, epoch: 3 }]) {
    assert.throws(() => replay([raw("master", value)], "shop-master"), coded("JOURNAL_UNUSABLE", /"master"/));
  }
  for (const value of [{ format: 2, rule: "every 1s", since: 1 }, { format: 1, rule: "every 1s", since: -1 }]) {
    assert.throws(() => replay([raw("rule:x", value)], "shop-master"), coded("JOURNAL_UNUSABLE", /"rule:x"/));
  }
  // Somebody else writes to it: nothing in it is to be trusted.
  assert.throws(() => replay([raw("", "hello")], "shop-master"), coded("JOURNAL_UNUSABLE"));
  assert.throws(() => replay([{ key: "x", value: Uint8Array.of(0xff) }], "shop-master"), coded("JOURNAL_UNUSABLE"));
});

test("rubbish that has been overwritten since does no harm", () => {
  const found = replay([raw("timer:restock", "rubbish"), timerEntry("restock", TIMER)], "shop-master");
  assert.deepEqual(found.timers.get("restock"), TIMER);
  assert.equal(replay([raw("timer:x", "rubbish"), { key: "timer:x", value: null }], "t").timers.size, 0);
});

test("a long error is cut", () => {
  const found = replay([timerEntry("x", { ...TIMER, outcome: "failed", error: "e".repeat(9999) })], "t");
  assert.equal(found.timers.get("x")?.error?.length, 500);
});
