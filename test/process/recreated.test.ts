import assert from "node:assert/strict";
import { test } from "node:test";
import { kafkaForTests } from "../support/kafka.ts";
import { faultsOf, recreate } from "../support/recreate.ts";
import { runtimes } from "../support/runtimes.ts";

for (const runtime of runtimes) {
  test(`a topic that is created again under load, with fewer and with more partitions, loses nothing (${runtime})`, {
    timeout: 120_000,
  }, async () => {
    const kafka = await kafkaForTests();
    const { outcomes, program } = await recreate(runtime, kafka, 8, [{ partitions: 2, gapMs: 400 }, {
      partitions: 5,
      gapMs: 0,
    }]);
    assert.equal(outcomes.length, 2, program.output());
    for (const outcome of outcomes) assert.deepEqual(faultsOf(outcome), [], JSON.stringify(outcome));
  });
}
