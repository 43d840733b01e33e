import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import kafkajs from "kafkajs";
import { Broker } from "../../../src/broker/broker.ts";
import { until } from "../../support/until.ts";

const broker = new Broker({ port: 0 });
before(() => broker.start());
after(() => broker.stop());

function client(): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId: "foreign",
    brokers: [`127.0.0.1:${broker.port}`],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 20, retries: 8 },
  });
}

async function createTopic(topic: string, numPartitions: number): Promise<void> {
  const admin = client().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] });
  await admin.disconnect();
}

async function consume(groupId: string, topic: string, seen: string[]): Promise<kafkajs.Consumer> {
  const consumer = client().consumer({ groupId, maxWaitTimeInMs: 50, heartbeatInterval: 100, sessionTimeout: 6000 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void seen.push(String(message.value))) });
  return consumer;
}

test("kafkajs: consumers share a topic, one leaves, and the other goes on from what was committed", async () => {
  const topic = "kafkajs-shared";
  await createTopic(topic, 4);
  const producer = client().producer();
  await producer.connect();
  const [first, second]: [string[], string[]] = [[], []];
  const one = await consume("shared", topic, first);
  const two = await consume("shared", topic, second);
  await until(() =>
    broker.groups.group("shared")?.state === "Stable" && broker.groups.group("shared")?.members.size === 2
  );
  const send = (from: number, to: number) =>
    producer.send({
      topic,
      messages: Array.from({ length: to - from }, (_, i) => ({ partition: i % 4, value: `${from + i}` })),
    });
  await send(0, 40);
  await until(() => first.length + second.length === 40);
  assert.ok(first.length > 0 && second.length > 0, `${first.length} and ${second.length}`);
  await one.disconnect();
  await until(() =>
    broker.groups.group("shared")?.members.size === 1 && broker.groups.group("shared")?.state === "Stable"
  );
  await send(40, 80);
  await until(() => new Set([...first, ...second]).size === 80);
  await two.disconnect();
  assert.equal(first.length + second.length, 80); // nothing twice: what was read was committed
  await producer.disconnect();
});

test("kafkajs: a transaction is seen when it is committed, never when it is aborted, and takes its offsets along", async () => {
  const topic = "kafkajs-transactions";
  await createTopic(topic, 1);
  const producer = client().producer({ transactionalId: "foreign-tx", maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const write = async (value: string, end: "commit" | "abort", offset?: string) => {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value }] });
    const topics = [{ topic, partitions: [{ partition: 0, offset: offset ?? "0" }] }];
    if (offset !== undefined) await transaction.sendOffsets({ consumerGroupId: "sent", topics });
    await transaction[end]();
  };
  await write("one", "commit", "7");
  await write("two", "abort", "8");
  await write("three", "commit");
  const seen: string[] = [];
  const consumer = await consume("transactions", topic, seen);
  await until(() => seen.includes("three"));
  assert.deepEqual(seen, ["one", "three"]);
  await consumer.disconnect();
  const admin = client().admin();
  await admin.connect();
  const [offsets] = await admin.fetchOffsets({ groupId: "sent", topics: [topic] });
  assert.equal(offsets?.partitions[0]?.offset, "7");
  const { groups } = await admin.describeGroups(["transactions"]);
  assert.equal(groups[0]?.state, "Empty");
  await admin.deleteGroups(["transactions"]);
  const listed = await admin.listGroups();
  assert.ok(!listed.groups.some(({ groupId }) => groupId === "transactions"));
  await admin.disconnect();
  await producer.disconnect();
});

test("kafkajs: the second producer of a transactional id fences the first", async () => {
  const topic = "kafkajs-fence";
  await createTopic(topic, 1);
  const start = async () => {
    const producer = client().producer({ transactionalId: "fenced-tx", maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    return producer;
  };
  const first = await start();
  const open = await first.transaction();
  await open.send({ topic, messages: [{ value: "of the first" }] });
  const second = await start();
  const transaction = await second.transaction();
  await transaction.send({ topic, messages: [{ value: "of the second" }] });
  await transaction.commit();
  await assert.rejects(open.commit());
  const seen: string[] = [];
  const consumer = await consume("fence", topic, seen);
  await until(() => seen.length > 0);
  assert.deepEqual(seen, ["of the second"]);
  await consumer.disconnect();
  await first.disconnect();
  await second.disconnect();
});
