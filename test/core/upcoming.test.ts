import assert from "node:assert/strict";
import { test } from "node:test";
import { every, type Rule } from "../../src/core/rule.ts";
import { describeSlot, isoTime, slotJson, upcoming } from "../../src/core/upcoming.ts";
import { cronRule } from "../../src/cron/rule.ts";

const shown = (rule: Rule, after: string, count: number) => upcoming(rule, Date.parse(after), count).map(describeSlot);

test("of an interval the slots are shown in UTC, to the second where they are whole", () => {
  assert.deepEqual(shown(every(1500), "2026-01-01T00:00Z", 2), ["2026-01-01T00:00:01.500Z", "2026-01-01T00:00:03Z"]);
  assert.deepEqual(shown(every(1500), "2026-01-01T00:00Z", 0), []);
});

test("of a pattern they are shown on its clock, with its offset", () => {
  const shownIn = (zone: string) => shown(cronRule("0 8 * * *", zone), "2026-01-01T12:00Z", 1);
  assert.deepEqual(shownIn("UTC"), ["2026-01-02 08:00 +00:00"]);
  assert.deepEqual(shownIn("Asia/Kathmandu"), ["2026-01-02 08:00 +05:45"]);
  assert.deepEqual(shownIn("America/St_Johns"), ["2026-01-02 08:00 -03:30"]);
  assert.deepEqual(shown(cronRule("*/30 * * * * *", "UTC"), "2026-01-01T00:00Z", 2), [
    "2026-01-01 00:00:30 +00:00",
    "2026-01-01 00:01 +00:00",
  ]);
});

test("a slot that is moved, and one whose clock was changed since the one before, are marked", () => {
  assert.deepEqual(shown(cronRule("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00Z", 3), [
    "2026-03-28 02:30 +01:00",
    "2026-03-29 02:30 → 03:00 +02:00 (clock change)",
    "2026-03-30 02:30 +02:00",
  ]);
  assert.deepEqual(shown(cronRule("0 8 * * *", "Europe/Berlin"), "2026-10-24T00:00Z", 3), [
    "2026-10-24 08:00 +02:00",
    "2026-10-25 08:00 +01:00 (clock change)",
    "2026-10-26 08:00 +01:00",
  ]);
  assert.deepEqual(shown(cronRule("30 23 * * *", "America/Nuuk"), "2024-03-30T12:00Z", 2), [
    "2024-03-30 23:30 → 2024-03-31 00:00 -01:00 (clock change)",
    "2024-03-31 23:30 -01:00",
  ]);
});

test("the first that is shown is marked too", () => {
  const [first] = upcoming(cronRule("0 8 * * *", "Europe/Berlin"), Date.parse("2026-10-24T12:00Z"), 1);
  assert.equal(first?.clockChange, true);
});

test("a time that is there twice is marked: once of a daily time, both times of a rhythm", () => {
  assert.deepEqual(shown(cronRule("30 2 * * *", "Europe/Berlin"), "2026-10-24T12:00Z", 2), [
    "2026-10-25 02:30 +02:00 (a time that is there twice)",
    "2026-10-26 02:30 +01:00 (clock change)",
  ]);
  assert.deepEqual(shown(cronRule("*/30 * * * *", "Europe/Berlin"), "2026-10-24T23:40Z", 5), [
    "2026-10-25 02:00 +02:00 (a time that is there twice)",
    "2026-10-25 02:30 +02:00 (a time that is there twice)",
    "2026-10-25 02:00 +01:00 (clock change, a time that is there twice)",
    "2026-10-25 02:30 +01:00 (a time that is there twice)",
    "2026-10-25 03:00 +01:00",
  ]);
});

test("times in ISO 8601", () => {
  assert.equal(isoTime(0), "1970-01-01T00:00:00Z");
  assert.equal(isoTime(1), "1970-01-01T00:00:00.001Z");
  const [slot] = upcoming(cronRule("30 2 * * *", "Europe/Berlin"), Date.parse("2026-03-28T12:00Z"), 1);
  assert.deepEqual(slot && slotJson(slot), {
    slot: "2026-03-29T01:00:00.000Z",
    local: "2026-03-29T03:00:00+02:00",
    meant: "2026-03-29T02:30:00",
    clockChange: true,
    twice: false,
  });
});
