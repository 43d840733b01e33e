import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createTopic, deleteTopic, endOffsets } from "../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests } from "../../support/kafka.ts";
import { freePorts } from "../../support/ports.ts";
import { until } from "../../support/until.ts";
import { closeAll, clusterAt, unique } from "../support.ts";

const options = { timeout: 60_000 };

describe("a cluster", options, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  after(closeAll);

  test("names advertised.listeners where it is the cluster that names an address at which nobody answers", async () => {
    const [dead = 0] = await freePorts(1);
    const at = { host: "127.0.0.1", port: dead };
    const advertised = clusterAt(kafka.url).connection(at).open();
    await assert.rejects(advertised, {
      code: "UNREACHABLE",
      message:
        /^No broker answers at 127\.0\.0\.1:\d+ \(connection refused\)\. .* set advertised\.listeners of that broker\.$/,
    });
    const given = clusterAt(`kafka://127.0.0.1:${dead}`).connection(at).open();
    await assert.rejects(given, { message: /\(connection refused\)\.$/ });
  });

  test("is reached through whichever of its addresses answers", async () => {
    const [dead = 0] = await freePorts(1);
    const cluster = clusterAt(`kafka://127.0.0.1:${dead},${kafka.brokers[0]}`);
    const { brokers, clusterId } = await cluster.refresh([]);
    assert.deepEqual(brokers.map(({ host, port }) => `${host}:${port}`), kafka.brokers);
    assert.ok(clusterId);
  });

  test("that does not answer is an error that names the address", async () => {
    const [dead = 0] = await freePorts(1);
    const error = { code: "UNREACHABLE", message: new RegExp(`127.0.0.1:${dead}`) };
    await assert.rejects(clusterAt(`kafka://127.0.0.1:${dead}`).refresh([]), error);
  });

  test("has the topics created that are missing, whoever asks first, and leaves the others alone", async () => {
    const [there, missing] = [unique("there"), unique("missing")];
    await createTopic(kafka.brokers, there, { partitions: 3 });
    const specs = [there, missing].map((topic) => ({ topic, partitions: 5, replicationFactor: -1 }));
    const counts = await Promise.all([1, 2, 3].map(() => clusterAt(kafka.url).ensureTopics(specs)));
    for (const count of counts) assert.deepEqual(count, new Map([[there, 3], [missing, 5]]));
    assert.equal((await endOffsets(kafka.brokers, missing)).length, 5);
  });

  test("says why a topic cannot be created", async () => {
    const topics = [{ topic: unique("copies"), partitions: 1, replicationFactor: 9 }];
    await assert.rejects(clusterAt(kafka.url).ensureTopics(topics), {
      code: "UNKNOWN_TOPIC",
      message: /copies-.* could not be created: .*replication/i,
    });
  });

  test("knows a topic's partitions and leaders, and forgets it when it is gone", async () => {
    const topic = unique("gone");
    const cluster = clusterAt(kafka.url);
    await assert.rejects(cluster.known(topic), { code: "UNKNOWN_TOPIC" });
    await createTopic(kafka.brokers, topic, { partitions: 2 });
    const { leaders, topicId } = await cluster.known(topic);
    assert.equal(leaders.length, 2);
    for (const leader of leaders) assert.ok(cluster.node(leader).port > 0);
    await deleteTopic(kafka.brokers, topic);
    await until(async () => {
      await cluster.refresh([topic]);
      return cluster.topic(topic) === undefined;
    });
    await createTopic(kafka.brokers, topic);
    assert.notEqual((await cluster.known(topic)).topicId, topicId);
  });

  test("does not know every node", () => {
    assert.throws(() => clusterAt(kafka.url).node(77), { code: "UNREACHABLE", message: /Broker 77/ });
  });
});
