/** The broker with a folder is killed over and over, while librdkafka works with it. `npm run kill:broker` goes on for longer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kcatSkip, pythonSkip } from "../support/interop.ts";
import { killOverAndOver } from "../support/kill-broker.ts";

const skip = pythonSkip || kcatSkip;
const seed = 20_010_911;

test("kill -9 of the broker under load, twelve times: what was acknowledged is there, once and in order", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const killed = await killOverAndOver({ seed, rounds: 12, runtime: "node" });
  t.diagnostic(JSON.stringify(killed));
  // It has not been idle.
  assert.ok(killed.messages > 1000 && killed.transactions > 10 && killed.offsets > 100 && killed.topics > 5);
});
