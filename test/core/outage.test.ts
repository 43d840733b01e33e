import assert from "node:assert/strict";
import { test } from "node:test";
import { Outage } from "../../src/core/outage.ts";
import { Lines, StillClock } from "./fakes.ts";

test("an outage is told when it begins, once a minute, and when it is over", () => {
  const lines = new Lines();
  const clock = new StillClock(0);
  const outage = new Outage(lines, clock);
  outage.over("Kafka answers");
  assert.equal(outage.lasting, false);
  for (let second = 0; second < 130; second++, clock.pass(1000)) {
    outage.failed("Nobody answers.");
    assert.equal(outage.lasting, true);
  }
  outage.over("Kafka answers");
  outage.over("Kafka answers");
  assert.equal(outage.lasting, false);
  assert.deepEqual(lines.all, [
    "warn: Nobody answers. Trying again until it works.",
    "warn: Nobody answers. This has lasted for 60 s. Trying again until it works.",
    "warn: Nobody answers. This has lasted for 120 s. Trying again until it works.",
    "info: Kafka answers after 130 s.",
  ]);
});

test("the next outage is told at once", () => {
  const lines = new Lines();
  const clock = new StillClock();
  const outage = new Outage(lines, clock);
  outage.failed("Gone.");
  clock.pass(1500);
  outage.over("Back");
  outage.failed("Gone again.");
  assert.deepEqual(lines.all, [
    "warn: Gone. Trying again until it works.",
    "info: Back after 1.5 s.",
    "warn: Gone again. Trying again until it works.",
  ]);
});
