import assert from "node:assert/strict";
import { test } from "node:test";
import { silent } from "../../src/core/logger.ts";
import { manyTimers } from "./many-timers.ts";

test("on a slow line a master with more ticks than two sessions can take stays master, and publishes each", async () => {
  // Each run fills a transaction of its own, of four round trips of 400 ms: 20 of them are due at the same moment.
  const many = manyTimers({ timers: 20, every: 60, latency: 200, sends: 5, bytes: 900_000, logger: silent });
  await many.pass(2 * 60_000 + 50_000);
  assert.deepEqual([many.resignations(), many.epoch()], [0, 1]);
  assert.deepEqual([...many.published], [["out-0", 2 * 20 * 5]]);
});
