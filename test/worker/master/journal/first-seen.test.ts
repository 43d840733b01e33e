import assert from "node:assert/strict";
import { test } from "node:test";
import { every, type Rule } from "../../../../src/core/rule.ts";
import type { TimerDefinition } from "../../../../src/core/timer.ts";
import { cronRule } from "../../../../src/cron/rule.ts";
import { firstSeen } from "../../../../src/worker/master/journal/first-seen.ts";
import { replay, timerEntry } from "../../../../src/worker/master/journal/journal.ts";
import { DEFAULT_POLICY } from "../../../support/timer-policy.ts";

const NOW = 1_700_000_000_000.75;

const timerOf = (name: string, rule: Rule): TimerDefinition => ({
  name,
  rule,
  onMaster: true,
  policy: DEFAULT_POLICY,
  fn() {},
});

const EMPTY = replay([], "t");
const ran = timerEntry("a", {
  slot: 5000,
  outcome: "ok",
  epoch: 1,
  worker: "w",
  ran: 1,
  failed: 0,
  skipped: 0,
  caughtUp: 0,
});

test("a rule counts from the moment at which it was first seen, also for the next master", () => {
  const first = firstSeen([timerOf("a", every(1000))], EMPTY, NOW);
  assert.deepEqual([...first.since], [["a", 1_700_000_000_000]]);
  const journal = replay(first.parts.flat(), "t");
  assert.deepEqual(firstSeen([timerOf("a", every(1000))], journal, NOW + 9999), { since: first.since, parts: [] });
});

test("another rule, or the same in another zone, counts from now on", () => {
  const rules = [every(1000), every(2000), cronRule("0 8 * * *", "Europe/Berlin"), cronRule("0 8 * * *", "Asia/Tokyo")];
  let entries = [ran];
  for (const [n, rule] of rules.entries()) {
    const { since, parts } = firstSeen([timerOf("a", rule)], replay(entries, "t"), NOW + n);
    // Of one that an older version ran nobody knows the rule: what it missed is not to be lost.
    assert.equal(since.get("a"), n === 0 ? 5000 : Math.floor(NOW + n));
    assert.equal(parts.flat().length, 1);
    entries = [...entries, ...parts.flat()];
  }
});

test("ten thousand timers are a few transactions, and none of a size that topics refuse", () => {
  const timers = Array.from({ length: 10_000 }, (_, n) => timerOf(`timer-number-${n}`, every(1000 + n)));
  const { parts } = firstSeen(timers, EMPTY, NOW);
  assert.equal(parts.flat().length, 10_000);
  assert.ok(parts.length <= 10, `${parts.length} transactions`);
  const bytes = parts.map((part) => part.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0));
  assert.ok(bytes.every((size) => size <= 200_000), `${bytes}`);
  assert.equal(replay(parts.flat(), "t").rules.size, 10_000);
});
