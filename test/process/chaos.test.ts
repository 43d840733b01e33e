import assert from "node:assert/strict";
import { test } from "node:test";
import { chaos } from "../chaos/chaos.ts";
import { startKafkaFor } from "../support/kafka.ts";

/** A short run with a fixed seed, which has slow lines of each kind; `npm run chaos` makes long ones. */
test(
  "nothing is lost, doubled or done by two masters, whatever befalls the workers",
  { timeout: 180_000 },
  async (t) => {
    const kafka = await startKafkaFor(t, { proxies: 3 });
    const said: string[] = [];
    const { wrong, masters, slots, output } = await chaos({
      kafka,
      seed: 22,
      lasts: 20_000,
      pauses: [300, 2500],
      runtimes: ["node", "bun", "deno"],
      say: (line) => said.push(line),
    });
    assert.deepEqual(wrong, [], [...said, output].join("\n"));
    assert.ok(masters > 1, `mastership has moved\n${output}`);
    assert.ok(slots > 50, `${slots} slots have been published\n${output}`);
  },
);
