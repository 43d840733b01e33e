import assert from "node:assert/strict";
import { test } from "node:test";
import { MephistoError } from "../../src/core/errors.ts";
import { BackgroundReports } from "../../src/core/background-reports.ts";
import { Lines, StillClock } from "./fakes.ts";

const refused = (sentence = "You may not.") => new MephistoError("NOT_AUTHORIZED", sentence);
const away = (sentence = "Nobody answers.") => new MephistoError("UNREACHABLE", sentence);

function made() {
  const lines = new Lines();
  const clock = new StillClock();
  const troubles = new BackgroundReports(lines, clock);
  return { lines, clock, troubles, take: () => lines.all.splice(0) };
}

test("what waiting does not mend is told at once and once a minute, makes unready, and is over in one line", () => {
  const { clock, troubles, take } = made();
  const report = troubles.of("Reading orders");
  const sentence = "Reading orders does not work, and waiting does not mend it. You may not.";
  for (let second = 0; second < 61; second++, clock.pass(1000)) report.failed(refused());
  assert.deepEqual(take(), [
    `error: ${sentence} It goes on by itself when that is mended.`,
    `error: ${sentence} This has lasted for 60 s. It goes on by itself when that is mended.`,
  ]);
  assert.equal(troubles.reason, sentence);
  assert.deepEqual(troubles.all, [{ name: "Reading orders", reason: sentence, since: 1000, retriable: false }]);
  report.over();
  report.over();
  assert.deepEqual(take(), ["info: Reading orders works again after 61 s."]);
  assert.deepEqual([troubles.reason, troubles.all], [undefined, []]);
});

test("what waiting mends is an outage, which is told when it lasts, and leaves the worker ready", () => {
  const { clock, troubles, take } = made();
  const report = troubles.of("Reading orders");
  report.failed(away());
  report.over();
  for (let second = 0; second < 70; second++, clock.pass(1000)) report.failed(away());
  assert.equal(troubles.reason, undefined);
  assert.equal(troubles.all[0]?.retriable, true);
  report.over();
  assert.deepEqual(take(), [
    "warn: Reading orders fails. Nobody answers. Trying again until it works.",
    "warn: Reading orders fails. Nobody answers. This has lasted for 65 s. Trying again until it works.",
    "info: Reading orders works again after 70 s.",
  ]);
});

test("of outages that come together one is told, unless it has a line of its own", () => {
  const { clock, troubles, take } = made();
  const [first, second] = [troubles.of("Reading orders"), troubles.of("Committing")];
  const own = troubles.of("Sending", { graceMs: 0, always: true, meaning: "Messages wait.", back: "Messages go" });
  for (let i = 0; i < 10; i++, clock.pass(1000)) for (const each of [first, second, own]) each.failed(away());
  for (const each of [first, second, own]) each.over();
  assert.deepEqual(take(), [
    "warn: Messages wait. Nobody answers. Trying again until it works.",
    "info: Messages go after 10 s.",
  ]);
});

test("a refusal stays the reason while nobody answers, and a new one is told at once", () => {
  const { troubles, take } = made();
  const report = troubles.of("Reading orders");
  report.failed(away());
  report.failed(refused());
  report.failed(away());
  assert.match(troubles.reason ?? "", /You may not\.$/);
  report.failed(refused("Nor that."));
  assert.match(troubles.reason ?? "", /Nor that\.$/);
  assert.deepEqual(take().map((line) => line.slice(0, 5)), ["error", "error"]);
  report.over();
  assert.equal(take().length, 1);
});

test("it is over when no part of it fails, and silently when nobody wants it any more", () => {
  const { troubles, take } = made();
  const report = troubles.of("Reading orders");
  for (const part of ["0", "1", "2"]) report.failed(refused(), {}, part);
  assert.equal(take().length, 1);
  report.over("0");
  report.drop("1");
  report.over("7");
  assert.ok(troubles.reason);
  report.drop("2");
  assert.deepEqual([troubles.reason, take()], [undefined, []]);
  report.failed(refused(), {}, "0");
  report.drop();
  assert.deepEqual([troubles.reason, take()], [undefined, []]); // told within this minute
});

test("what comes and goes, and many different refusals, are no flood; the oldest is the reason", () => {
  const { clock, troubles, take } = made();
  const report = troubles.of("Reading orders");
  for (let i = 0; i < 20; i++, clock.pass(1000)) {
    report.failed(refused());
    report.over();
  }
  assert.equal(take().length, 2);
  report.failed(refused("The first."));
  clock.pass(1);
  const other = troubles.of("Committing");
  for (let i = 0; i < 50; i++) other.failed(refused(`Number ${i}.`));
  assert.ok(take().length <= 6);
  assert.match(troubles.reason ?? "", /The first\.$/);
});

test("a part that is refused makes unready no longer than it is there, also while another only waits", () => {
  const { troubles } = made();
  const report = troubles.of("Reading orders");
  report.failed(refused(), {}, "1");
  report.failed(refused("Nor here."), {}, "2");
  report.failed(away(), {}, "3");
  report.drop("1");
  assert.match(troubles.reason ?? "", /Nor here/);
  report.failed(away(), {}, "2"); // a refusal lasts while nobody answers
  report.over("2");
  assert.equal(troubles.reason, undefined);
  assert.deepEqual(troubles.all.map(({ retriable }) => retriable), [true]);
  report.over("3");
  assert.deepEqual(troubles.all, []);
});
