import assert from "node:assert/strict";
import { test } from "node:test";
import { every, type Rule } from "../../src/core/rule.ts";
import { timer as defineTimer } from "../../src/core/define-timer.ts";
import { cronRule } from "../../src/cron/rule.ts";
import { type Zone, zoneShowing } from "../../src/cron/zone.ts";
import type { ZoneData } from "../../src/driver/driver.ts";
import { zonesOf, ZoneWatch } from "../../src/worker/zones.ts";
import { fakeApp, Lines } from "../core/fakes.ts";
import { generation } from "./fakes.ts";

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 30);
const shift = (hours: number): Zone => zoneShowing((instant) => instant + hours * HOUR);
/** As before, and an hour later from 2027 on. */
const MOVED = zoneShowing((instant) => instant + (instant < Date.UTC(2027, 2, 1) ? -8 : -7) * HOUR);

const { definition, shop } = fakeApp();
defineTimer(shop, 1, { name: "any" }, () => {});
const DEFINED = definition.timers.get("any") ?? assert.fail();
const timer = (rule: Rule, onMaster = true) => ({ ...DEFINED, name: rule.text, rule, onMaster });
const vancouver = (zone: Zone, release = "", now = NOW) =>
  zonesOf([timer(cronRule("0 8 * * *", "America/Vancouver", zone))], release, now);

/** What a worker says of this master. */
function told(own: ZoneData | undefined, masterZones: ZoneData | undefined, elected = false): string[] {
  const lines = new Lines();
  const watch = new ZoneWatch(own, lines);
  for (let n = 0; n < 3; n++) watch.look({ ...generation({ elected, master: "w1" }), masterZones });
  return lines.all;
}

test("a worker tells of the zones that its timers on the master go by, each once", () => {
  const berlin = cronRule("0 8 * * *", "Europe/Berlin");
  const timers = [
    timer(berlin),
    timer(cronRule("*/5 * * * *", "Europe/Berlin")),
    timer(cronRule("0 8 * * *", "Asia/Tokyo"), false),
    timer(cronRule("0 8 * * *", "UTC")),
    timer(every(1000)),
  ];
  const marks = [2026, 2027, 2028].map((year) => berlin.zone?.mark(year));
  assert.deepEqual(zonesOf(timers, "2026c", NOW), {
    release: "2026c",
    zones: [{ name: "Europe/Berlin", from: 2026, marks }],
  });
  assert.equal(zonesOf(timers.slice(2), "2026c", NOW), undefined);
});

test("that the master's data differ is told in one line, with the zone and which are older", () => {
  const [old, moved] = [shift(-8), MOVED];
  const line = "warn: The time zone data of the master, w1, differ from this worker's in America/Vancouver: ";
  const end = ". Slots will move with mastership: run one release everywhere.";
  assert.deepEqual(told(vancouver(old, "2026b"), vancouver(moved, "2026c")), [
    `${line}2026c there, 2026b here; those of this worker are older${end}`,
  ]);
  assert.deepEqual(told(vancouver(moved, "2026c"), vancouver(old, "2026b")), [
    `${line}2026b there, 2026c here; those of the master are older${end}`,
  ]);
  assert.deepEqual(told(vancouver(moved), vancouver(old, "2026b")), [
    `${line}they are 2026b there and of no known release here${end}`,
  ]);
  assert.deepEqual(told(vancouver(moved, "2026c"), vancouver(old, "2026c")), [
    `${line}they are 2026c on both, and built differently${end}`,
  ]);
});

test("nothing is told of data that agree, of zones that only one has, and by the master", () => {
  const old = vancouver(shift(-8), "2026b");
  assert.deepEqual(told(old, vancouver(shift(-8), "2026c")), []);
  assert.deepEqual(told(old, undefined), []);
  assert.deepEqual(told(undefined, old), []);
  assert.deepEqual(told(old, vancouver(MOVED, "2026c"), true), []);
  assert.deepEqual(told(old, zonesOf([timer(cronRule("0 8 * * *", "Asia/Tokyo", MOVED))], "2026c", NOW)), []);
  // One that was started in another year tells of other years.
  const [before, after] = [NOW - 366 * 24 * HOUR, NOW + 366 * 24 * HOUR];
  assert.deepEqual(told(vancouver(shift(-8), "", before), vancouver(shift(-8), "", after)), []);
  assert.equal(told(vancouver(shift(-8), "", before), vancouver(MOVED, "", after)).length, 1);
  assert.deepEqual(told(vancouver(shift(-8), "", NOW - 10 * 366 * 24 * HOUR), vancouver(MOVED)), []);
});
