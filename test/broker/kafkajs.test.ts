import assert from "node:assert/strict";
import kafkajs from "kafkajs";
import { after, before, test } from "node:test";
import { Broker } from "../../src/broker/broker.ts";
import { createTopic, deleteTopic, endOffsets, produce, quietKafka } from "../support/kafkajs-oracle.ts";

const broker = new Broker({ port: 0, settings: { "auto.create.topics.enable": "false" } });
let brokers: string[] = [];

before(async () => {
  const { port } = await broker.start();
  brokers = [`127.0.0.1:${port}`];
});
after(() => broker.stop());

test("kafkajs creates topics, writes, and asks for offsets", async () => {
  await createTopic(brokers, "plain", { partitions: 3, config: { "retention.ms": "100000" } });
  await produce(brokers, "plain", Array.from({ length: 30 }, (_, i) => ({ value: `v${i}`, headers: { h: "1" } })));
  assert.deepEqual(await endOffsets(brokers, "plain"), [10n, 10n, 10n]);
  const admin = quietKafka(brokers).admin();
  await admin.connect();
  try {
    await admin.fetchTopicOffsets("plain"); // without it kafkajs has no metadata to delete by
    await admin.deleteTopicRecords({ topic: "plain", partitions: [{ partition: 0, offset: "4" }] });
    const offsets = (await admin.fetchTopicOffsets("plain")).sort((a, b) => a.partition - b.partition);
    assert.deepEqual(offsets.map(({ low, high }) => [low, high]), [["4", "10"], ["0", "10"], ["0", "10"]]);
    const later = await admin.fetchTopicOffsetsByTimestamp("plain", Date.now() + 1_000_000);
    assert.equal(later.length, 3);
    assert.ok(later.every(({ offset }) => offset === "10"));
  } finally {
    await admin.disconnect();
  }
});

test("kafkajs changes configurations and partitions", async () => {
  await createTopic(brokers, "changing");
  const admin = quietKafka(brokers).admin();
  await admin.connect();
  try {
    await admin.createPartitions({ topicPartitions: [{ topic: "changing", count: 4 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ["changing"] });
    assert.equal(topics[0]?.partitions.length, 4);
    const type = kafkajs.ConfigResourceTypes.TOPIC;
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type, name: "changing", configEntries: [{ name: "cleanup.policy", value: "compact" }] }],
    });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type, name: "changing", configNames: ["cleanup.policy"] }],
    });
    assert.equal(resources[0]?.configEntries[0]?.configValue, "compact");
    const wrong = { type, name: "changing", configEntries: [{ name: "nonsense", value: "1" }] };
    await assert.rejects(admin.alterConfigs({ validateOnly: false, resources: [wrong] }), { type: "INVALID_CONFIG" });
  } finally {
    await admin.disconnect();
  }
});

test("a deleted topic is gone, and one of the same name is another one", async () => {
  await createTopic(brokers, "reborn");
  await produce(brokers, "reborn", [{ value: "old" }]);
  const { id } = broker.topics.get("reborn") ?? {};
  await deleteTopic(brokers, "reborn");
  await createTopic(brokers, "reborn");
  assert.deepEqual(await endOffsets(brokers, "reborn"), [0n]);
  assert.notEqual(broker.topics.get("reborn")?.id, id);
});

test("kafkajs is told what it does wrong", async () => {
  const producer = quietKafka(brokers, { retry: { retries: 0 } }).producer();
  await producer.connect();
  try {
    await assert.rejects(producer.send({ topic: "nowhere", messages: [{ value: "v" }] }), /does not host this/);
    await createTopic(brokers, "small", { config: { "max.message.bytes": "1000" } });
    await assert.rejects(
      producer.send({ topic: "small", messages: [{ value: "x".repeat(2000) }] }),
      /larger than the max message size/,
    );
  } finally {
    await producer.disconnect();
  }
});
