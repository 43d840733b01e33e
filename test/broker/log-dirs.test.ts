/** How large each log is: what `kafka-log-dirs` shows. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Broker } from "../../src/broker/broker.ts";
import { NO_UUID } from "../../src/wire/protocol/fields.ts";
import { produce } from "../../src/broker/requests/00-produce.ts";
import { describeLogDirs } from "../../src/broker/requests/35-describe-log-dirs.ts";
import { run, type Station } from "../support/differential.ts";
import { javaTool } from "../support/interop.ts";
import { javaSkip, kafkaForTests, kafkaSkip } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { makeBatch } from "./log/log-model.ts";

const topic = `dirs-${Math.random().toString(36).slice(2, 8)}`;
const SENT = makeBatch([{ key: "k", value: "v", timestamp: 1_700_000_000_000 }]);

async function produced(at: Station): Promise<void> {
  await at.createTopic(topic, 3);
  // Kafka tells of partitions before it has their logs.
  await until(async () => {
    const { results } = await at.ask(describeLogDirs, 4, { topics: [{ topic, partitions: [0, 1, 2] }] });
    return results.some(({ topics: [found] }) => found?.partitions.length === 3);
  });
  const partitionData = [{ index: 1, records: [SENT] }];
  const topicData = [{ name: topic, topicId: NO_UUID, partitionData }];
  await at.ask(produce, 8, { transactionalId: null, acks: -1, timeoutMs: 5000, topicData });
}

/** Kafka tells a topic's partitions in no order. */
function inOrder<T extends { readonly partitions: readonly { readonly partitionIndex: number }[] }>(topic: T) {
  return { ...topic, partitions: topic.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex) };
}

test("log directories are described as real Kafka describes them", { skip: kafkaSkip }, async () => {
  const script = async (at: Station) => {
    await produced(at);
    const asked = [
      [{ topic, partitions: [0, 1, 2] }],
      [{ topic, partitions: [1, 1, 9] }],
      [{ topic: "nowhere", partitions: [0] }, { topic, partitions: [] }],
      [],
    ];
    for (const version of [1, 2, 3, 4]) {
      for (const [index, topics] of asked.entries()) {
        const { errorCode, results } = await at.ask(describeLogDirs, version, { topics });
        // Where the logs are, and on what, is each broker's own.
        const even = results.map(({ totalBytes, usableBytes, logDir, topics, ...rest }) => ({
          ...rest,
          topics: topics.map(inOrder),
          places: [typeof logDir, Math.sign(totalBytes), Math.sign(usableBytes)],
        }));
        at.told.push([`${index} in version ${version}`, { errorCode, results: even }]);
      }
    }
    // Of all topics: another test's are there too.
    const { results } = await at.ask(describeLogDirs, 4, { topics: null });
    at.told.push(["all", results.map(({ topics }) => topics.filter(({ name }) => name === topic).map(inOrder))]);
  };
  const { brokers: [address = ""] } = await kafkaForTests();
  const broker = new Broker({ port: 0 });
  const { port } = await broker.start();
  try {
    assert.deepEqual(await run(port, script), await run(Number(address.split(":")[1]), script));
  } finally {
    await broker.stop();
  }
});

test("kafka-log-dirs shows a folder's logs and their sizes", { skip: javaSkip, timeout: 60_000 }, async (t) => {
  const data = mkdtempSync(join(tmpdir(), "mephisto-dirs-"));
  t.after(() => rmSync(data, { recursive: true }));
  const broker = new Broker({ port: 0, data });
  const { port } = await broker.start();
  t.after(() => broker.stop());
  await run(port, produced);
  const told = await javaTool("LogDirsCommand", ["--describe", "--bootstrap-server", `127.0.0.1:${port}`]);
  const { brokers } = JSON.parse(told.split("\n").find((line) => line.startsWith("{")) ?? "");
  assert.equal(brokers[0].logDirs[0].logDir, data);
  const sizes = brokers[0].logDirs[0].partitions.map(({ partition, size }: { partition: string; size: number }) => [
    partition,
    size,
  ]);
  assert.deepEqual(sizes.sort(), [[`${topic}-0`, 0], [`${topic}-1`, SENT.length], [`${topic}-2`, 0]]);
});
