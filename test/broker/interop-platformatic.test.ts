/** @platformatic/kafka on the dev broker. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { startDevBroker } from "../support/dev-broker.ts";
import { readTopic } from "../support/kafkajs-oracle.ts";
import type { KafkaServer } from "../support/kafka.ts";
import { until } from "../support/until.ts";

describe("@platformatic/kafka", { timeout: 60_000 }, () => {
  let broker: KafkaServer;
  const open: (() => Promise<void>)[] = [];
  before(async () => {
    broker = await startDevBroker({ keeps: false });
  });
  after(async () => {
    for (const close of open.reverse()) await close();
    await broker.stop();
  });
  const base = () => ({ clientId: "foreign", bootstrapBrokers: broker.brokers });
  const producerWith = (more: object = {}) => {
    const producer = new Producer({ ...base(), serializers: stringSerializers, ...more });
    open.push(() => producer.close());
    return producer;
  };
  const admin = () => {
    const one = new Admin(base());
    open.push(() => one.close());
    return one;
  };
  /** Joins a group and puts the values that it reads into a list. */
  const consume = async (groupId: string, topic: string, seen: string[]) => {
    const consumer = new Consumer({
      ...base(),
      ...{ groupId, deserializers: stringDeserializers },
      ...{ sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 100, maxWaitTime: 50 },
    });
    open.push(async () => {
      await consumer.close(true);
    });
    const stream = await consumer.consume({ topics: [topic], mode: "committed", fallbackMode: "earliest" });
    stream.on("data", ({ value }) => void seen.push(value ?? ""));
    return { consumer, stream };
  };

  test("creates topics, produces and reads with every codec, and shares a topic in a group", async () => {
    const created = await admin().createTopics({ topics: ["shared"], partitions: 4, replicas: 1 });
    assert.deepEqual(created.map(({ name, partitions }) => [name, partitions]), [["shared", 4]]);
    const [first, second]: [string[], string[]] = [[], []];
    const one = await consume("sharers", "shared", first);
    await consume("sharers", "shared", second);
    const members = async () => (await admin().describeGroups({ groups: ["sharers"] })).get("sharers");
    await until(async () => {
      const group = await members();
      return group?.state === "STABLE" && group.members.size === 2;
    });
    const sent: string[] = [];
    for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
      const values = Array.from({ length: 100 }, (_, n) => `${compression} ${n}`);
      const producer = producerWith({ compression, idempotent: true });
      await producer.send({ messages: values.map((value) => ({ topic: "shared", key: value, value })), acks: -1 });
      sent.push(...values);
    }
    // At least once: this client may read on in what it has just handed over.
    const seen = () => new Set([...first, ...second]);
    await until(() => seen().size >= sent.length);
    assert.deepEqual([...seen()].sort(), sent.sort());
    assert.ok(first.length > 0 && second.length > 0);
    await one.stream.close();
    await one.consumer.close(true);
    await until(async () => (await members())?.members.size === 1);
    await producerWith().send({ messages: sent.map((value) => ({ topic: "shared", key: value, value })), acks: -1 });
    await until(() => new Set(second.slice(-sent.length)).size === sent.length, { within: 20_000 });
  });

  test("transactions are seen when they are committed, never when they are aborted", async () => {
    await admin().createTopics({ topics: ["sums"], partitions: 1, replicas: 1 });
    const producer = producerWith({ transactionalId: "foreign", idempotent: true });
    for (const end of ["commit", "abort", "commit"] as const) {
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: [{ topic: "sums", key: "k", value: end }] });
      await transaction[end]();
    }
    const values = async (readCommitted: boolean) =>
      (await readTopic(broker.brokers, "sums", { readCommitted })).map(({ value }) => String(value));
    assert.deepEqual(await values(true), ["commit", "commit"]);
    assert.deepEqual(await values(false), ["commit", "abort", "commit"]);
  });
});
