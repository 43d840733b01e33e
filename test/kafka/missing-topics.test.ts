import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { MissingTopics } from "../../src/kafka/missing-topics.ts";
import { createTopic, deleteTopic } from "../support/kafkajs-oracle.ts";
import { startDevBroker } from "../support/dev-broker.ts";
import type { KafkaServer } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { closeAll, clusterAt, codeOf, keptLines, producerAt, record, unique } from "./support.ts";

describe("a topic that is deleted while a program runs", { timeout: 60_000 }, () => {
  let kafka: KafkaServer;
  before(async () => {
    kafka = await startDevBroker({ keeps: false });
  });
  const all: MissingTopics[] = [];
  after(async () => {
    for (const missing of all) missing.close();
    closeAll();
    await kafka.stop();
  });

  /** Hours pass when they are asked for. */
  const clock = { ahead: 0, monotonic: () => performance.now() + clock.ahead, wall: () => systemClock.wall() };

  const watched = async (partitions: number, replicationFactor = 1) => {
    const topic = unique("gone");
    const cluster = clusterAt(kafka.url);
    const logger = keptLines();
    const missing = new MissingTopics(cluster, logger, clock);
    all.push(missing);
    await cluster.ensureTopics([{ topic, partitions, replicationFactor: 1 }]);
    missing.need([{ topic, partitions, replicationFactor }]);
    await deleteTopic(kafka.brokers, topic);
    await cluster.refresh([topic]);
    const partitionsNow = () => cluster.topic(topic)?.leaders.length;
    return { topic, missing, logger, partitionsNow };
  };

  test("is created again as it was, after a while, with a line when it goes and one when it is back", async () => {
    const { topic, missing, logger, partitionsNow } = await watched(5);
    const why = `Topic ${topic} has been deleted. Unless somebody creates it within 10s, it is created again, with 5 ` +
      `partitions.`;
    assert.deepEqual(missing.all, [{ topic, why }]);
    assert.deepEqual(logger.warnings(), [why]);
    clock.ahead += 10_000;
    await until(() => missing.all.length === 0);
    assert.equal(partitionsNow(), 5);
    assert.deepEqual(logger.lines.filter(({ level }) => level !== "debug").map(({ message }) => message), [
      why,
      `Topic ${topic} is there again, with 5 partitions.`,
    ]);
  });

  test("may be created by somebody else, as they like", async () => {
    const { topic, missing, logger, partitionsNow } = await watched(5);
    await createTopic(kafka.brokers, topic, { partitions: 2 });
    await until(() => missing.all.length === 0);
    clock.ahead += 10_000;
    assert.equal(partitionsNow(), 2);
    assert.match(logger.lines.at(-1)?.message ?? "", /is there again, with 2 partitions\.$/);
  });

  test("which cannot be created is told once a minute with the reason and what to do, until somebody creates it", async () => {
    const { topic, missing, logger } = await watched(1, 9);
    clock.ahead += 10_000;
    await until(() => logger.warnings().length === 2);
    const [why = ""] = logger.warnings().slice(1);
    assert.match(why, /has been deleted, and could not be created again: .*replication.*\. Create it; all goes on by/i);
    assert.deepEqual(missing.all, [{ topic, why }]);
    clock.ahead += 50_000;
    await new Promise((resolve) => setTimeout(resolve, 1100)); // it looks twice
    assert.equal(logger.warnings().length, 2);
    clock.ahead += 10_000;
    await until(() => logger.warnings().length === 3);
    await createTopic(kafka.brokers, topic, { partitions: 1 });
    await until(() => missing.all.length === 0);
  });

  test("fails what is sent to it when it has not come back in time, also what waits for room; and flush ends", async () => {
    const [topic, other] = [unique("gone"), unique("other")];
    await createTopic(kafka.brokers, topic, { partitions: 3 });
    await createTopic(kafka.brokers, other);
    const { producer, cluster } = producerAt(kafka.url, {}, clock);
    await Promise.all([producer.send(record(topic, "x")), producer.send(record(other, "x"))]);
    await deleteTopic(kafka.brokers, topic);
    const large = "x".repeat(1 << 20);
    const sent = Array.from({ length: 40 }, (_, n) => codeOf(producer.send(record(topic, large, String(n))))); // 40 MB
    const flushed = producer.flush();
    await until(() => cluster.topic(topic) === undefined);
    const fine = codeOf(producer.send(record(other, "y"))); // it waits for room as well
    let isFlushed = false;
    void flushed.then(() => isFlushed = true);
    await until(() => {
      clock.ahead += 500;
      return isFlushed;
    });
    assert.deepEqual(await Promise.all(sent), sent.map(() => "UNKNOWN_TOPIC"));
    assert.equal(await fine, "");
    assert.equal(await codeOf(producer.send(record(topic, "x"))), "UNKNOWN_TOPIC");
    // It is found when it is there again.
    await createTopic(kafka.brokers, topic, { partitions: 1 });
    assert.equal(await codeOf(producer.send(record(topic, "x"))), "");
  });
});
