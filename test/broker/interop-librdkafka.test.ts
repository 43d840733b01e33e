/** librdkafka on the dev broker: kcat, and confluent-kafka for Python. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startDevBroker } from "../support/dev-broker.ts";
import { kcatSkip, python, pythonSkip, tool } from "../support/interop.ts";
import { committed, createTopic } from "../support/kafkajs-oracle.ts";
import type { KafkaServer } from "../support/kafka.ts";

describe("librdkafka", { timeout: 60_000 }, () => {
  let broker: KafkaServer;
  before(async () => {
    broker = await startDevBroker({ keeps: false });
  });
  after(() => broker.stop());

  test("kcat lists, produces, reads, asks for times, and consumes in a group", { skip: kcatSkip }, async () => {
    const kcat = (args: readonly string[], input?: string) => tool("kcat", ["-b", ...broker.brokers, ...args], input);
    await createTopic(broker.brokers, "lines", { partitions: 2 });
    const listed = JSON.parse(await kcat(["-L", "-J", "-t", "lines"]));
    assert.equal(listed.topics[0].partitions.length, 2);
    const lines = Array.from({ length: 1000 }, (_, n) => `key ${n % 9}:value ${n}`);
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
      await kcat(["-P", "-t", "lines", "-K:", "-z", codec, "-H", `codec=${codec}`], `${lines.join("\n")}\n`);
    }
    const read = async (...args: string[]) => (await kcat([...args, "-q", "-f", "%h %k:%s\n"])).trim().split("\n");
    const all = await read("-C", "-t", "lines", "-o", "beginning", "-e");
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
      const own = all.filter((line) => line.startsWith(`codec=${codec} `));
      assert.deepEqual(own.sort(), lines.map((line) => `codec=${codec} ${line}`).sort());
    }
    assert.match(await kcat(["-Q", "-t", "lines:0:-1"]), /lines \[0\] offset \d{4}/);
    assert.match(await kcat(["-Q", "-t", "lines:0:1"]), /lines \[0\] offset 0/);
    const group = await read("-G", "kcats", "-X", "auto.offset.reset=earliest", "-c", "5000", "lines");
    assert.deepEqual(group.sort(), all.sort());
    const offsets = await committed(broker.brokers, "kcats", "lines");
    assert.equal(offsets.reduce((sum, offset) => (sum ?? 0n) + (offset ?? 0n), 0n), 5000n);
  });

  test("confluent-kafka for Python: admin, idempotent produce, a group that rebalances, transactions and fencing", {
    skip: pythonSkip,
  }, async () => {
    const script = fileURLToPath(new URL("./interop-confluent.py", import.meta.url));
    assert.equal((await tool(python, [script, ...broker.brokers])).trim().split("\n").at(-1), "all is as on Kafka");
  });
});
