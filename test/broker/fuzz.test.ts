/** Requests that have been changed for the worse. `npm run fuzz:broker` goes on for longer, with any seed. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { apis } from "../../src/broker/requests/index.ts";
import { fuzzBroker } from "../support/fuzz-broker.ts";

// The collector of garbage can be called on Node alone.
const skip = process.versions.bun !== undefined || process.versions.deno !== undefined;

test("no mutated request stops the broker, holds up others for long, or leaves memory taken", { skip }, async (t) => {
  const { answered, heaps, slowest } = await fuzzBroker({ seed: 4, cycles: 3, requests: 300 });
  t.diagnostic(`slowest: ${JSON.stringify(slowest)}; heaps: ${heaps.join()}`);
  assert.deepEqual([...answered.keys()].sort(), apis.map(({ name }) => name).sort(), "all that is served is tried");
  for (const [name, count] of answered) assert.ok(count.answered > 0, `${name} is only ever refused`);
  assert.ok(slowest.ms < 3000, JSON.stringify(slowest));
  const [, second = 0, last = 0] = heaps;
  assert.ok(last - second < 3e6, `the heap grows: ${heaps.join()}`);
});
