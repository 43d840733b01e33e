import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "../../src/core/rule.ts";
import { cron, type CronOptions } from "../../src/cron/cron.ts";
import { coded, fakeApp } from "../core/fakes.ts";

const anything = <T>(value: unknown) => value as T;

function ruleOf(pattern: string, options: CronOptions = {}): Rule | undefined {
  const { shop, definition } = fakeApp();
  cron(shop, pattern, options, function report() {});
  return definition.timers.get("report")?.rule;
}

test("a timer by the calendar is a timer, in UTC and on every worker unless it says so", () => {
  const { shop, definition } = fakeApp();
  const report = () => {};
  cron(shop, "0 8 * * mon-fri", report);
  const options = { name: "daily", timezone: "Europe/Berlin", onMaster: true, catchUp: "all", spread: "5m" } as const;
  cron(shop, "  0  8 * *   * ", options, report);
  const [first, second] = [...definition.timers.values()];
  assert.deepEqual([first?.name, first?.onMaster, first?.fn], ["report", false, report]);
  assert.equal(first?.rule.text, "cron 0 8 * * mon-fri UTC");
  assert.equal(first?.rule.every, undefined);
  assert.equal(second?.rule.text, "cron 0 8 * * * Europe/Berlin");
  assert.deepEqual([second?.onMaster, second?.policy.catchUp, second?.policy.spread], [true, "all", 300_000]);
});

test("the zone is the one that was said, or UTC, whatever the machine's", () => {
  const after = Date.UTC(2026, 5, 1, 12);
  assert.equal(ruleOf("0 8 * * *")?.next(after), Date.UTC(2026, 5, 2, 8));
  assert.equal(ruleOf("0 8 * * *", { timezone: "Europe/Berlin" })?.next(after), Date.UTC(2026, 5, 2, 6));
});

test("six fields begin with seconds, and names are read in either case", () => {
  const after = Date.UTC(2026, 5, 1, 12);
  assert.equal(ruleOf("*/20 * * * * *")?.next(after), after + 20_000);
  assert.equal(ruleOf("0 8 * JUL Mon")?.next(after), Date.UTC(2026, 6, 6, 8));
  assert.equal(ruleOf("@daily")?.next(after), Date.UTC(2026, 5, 2));
});

const bad: Record<string, RegExp> = {
  "": /is not a cron pattern: it has not five or six fields\. Write minute, hour/,
  "* * *": /it has not five or six fields/,
  "* * * * * * 2026": /it has not five or six fields/,
  "61 * * * *": /"61 \* \* \* \*", is not a cron pattern: its minute is out of range/,
  "0 0 0 * *": /its day is out of range/,
  "5/5 * * * *": /stepping with numeric prefix \('5\/5'\) is not allowed\./,
  "* * * * foo": /illegal characters/,
  "0 8 * * fri-mon": /is not a cron pattern/,
  "? * * * *": /has a \?, which would be another time on each worker/,
  "2026-01-01T00:00:00": /is a date and not a cron pattern/,
  "@reboot": /@reboot is not supported/,
  "0 0 30 2 *": /never comes: no month has such a day\./,
};
for (const [pattern, sentence] of Object.entries(bad)) {
  test(`a pattern that is none is told at definition: ${JSON.stringify(pattern)}`, () => {
    const { shop, definition } = fakeApp();
    assert.throws(() => cron(shop, pattern, function report() {}), coded("INVALID_OPTION", sentence));
    assert.throws(
      () => cron(shop, pattern, function report() {}),
      coded("INVALID_OPTION", /^The pattern of timer report, /),
    );
    assert.equal(definition.timers.size, 0);
  });
}

test("a pattern that is no text, and an option that is none, are told at definition", () => {
  const { shop } = fakeApp();
  for (const pattern of [5, null, undefined, new Date(0)]) {
    assert.throws(() => cron(shop, anything(pattern), function report() {}), coded("INVALID_OPTION", /is not text/));
  }
  const define = (options: unknown) => () => cron(shop, "0 8 * * *", anything(options), function report() {});
  assert.throws(
    define({ timezon: "UTC" }),
    coded("INVALID_OPTION", /Timer report has no option "timezon"\. Did you mean/),
  );
  assert.throws(define({ timezone: 3 }), coded("INVALID_OPTION", /timezone of timer report is not text/));
  assert.throws(define(null), coded("INVALID_OPTION", /not an object/));
  assert.throws(define({ spread: "1d" }), coded("INVALID_OPTION", /spread of timer report, 1d, .* its slots, 1d/));
  assert.throws(
    () => cron(shop, "* * * * *", anything({})),
    coded("INVALID_OPTION", /^cron\(app, pattern, options\?, fn\)/),
  );
  assert.throws(() => cron(shop, "* * * * *", () => {}), coded("INVALID_NAME", /Say it: cron\(app/));
  cron(shop, "0 8 * * *", function report() {});
  assert.throws(define({}), coded("DUPLICATE_NAME", /a timer "report" already/));
});

test("a zone that is none is told at definition, with the nearest one", () => {
  assert.throws(
    () => ruleOf("0 8 * * *", { timezone: "Europe/Berlim" }),
    coded(
      "INVALID_OPTION",
      /^The timezone of timer report, "Europe\/Berlim", is not known here\. Did you mean Europe\/Berlin\?$/,
    ),
  );
  for (const timezone of ["", "local", "Mars/Olympus"]) {
    assert.throws(
      () => ruleOf("0 8 * * *", { timezone }),
      coded("INVALID_OPTION", /is not known here\. Give one such as/),
    );
  }
});
