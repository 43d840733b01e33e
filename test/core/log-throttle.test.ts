import assert from "node:assert/strict";
import { test } from "node:test";
import { LogThrottle } from "../../src/core/log-throttle.ts";
import { StillClock } from "./fakes.ts";

test("what happens very often is told in one line a minute, with how often it was not told", () => {
  const clock = new StillClock();
  const told: string[] = [];
  const { log } = new LogThrottle((sentence) => told.push(sentence), clock);
  for (let n = 0; n < 1000; n++) log("A send is refused.");
  clock.pass(59_999);
  log("A send is refused.");
  assert.deepEqual(told, ["A send is refused."]);
  clock.pass(1);
  log("Another one is.");
  clock.pass(60_000);
  log("And another.");
  assert.deepEqual(told.slice(1), ["Another one is. (1000 more like it since the last line.)", "And another."]);
});
