import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../../src/core/clock.ts";
import { silent } from "../../../../src/core/logger.ts";
import { Acknowledgements } from "../../../../src/core/acknowledgements.ts";
import type { Delivery } from "../../../../src/driver/driver.ts";
import { Fetcher } from "../../../../src/kafka/consumer/fetch/fetcher.ts";
import { JournalReader } from "../../../../src/kafka/master/journal-reader.ts";
import { ConnectionPool } from "../../../../src/kafka/connection/connection-pool.ts";
import { Positions } from "../../../../src/kafka/consumer/positions.ts";
import { fetch } from "../../../../src/wire/requests/01-fetch.ts";
import { createTopic, produce } from "../../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests } from "../../../support/kafka.ts";
import { type Proxy, startProxy } from "../../../support/proxy.ts";
import { until } from "../../../support/until.ts";
import { closeAll, clusterAt, unique } from "../../support.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("over a slow line", { timeout: 60_000 }, () => {
  let kafka: KafkaAddress;
  let proxy: Proxy;
  before(async () => {
    kafka = await kafkaForTests();
    proxy = await startProxy({ targetPort: Number(kafka.brokers[0]?.split(":")[1]), readdress: true });
  });
  after(async () => {
    closeAll();
    await proxy.stop();
  });

  /** A topic with `kB` in each partition, in batches of 20 kB. */
  async function filled(partitions: number, kB: number): Promise<string> {
    const topic = unique("slow");
    await createTopic(kafka.brokers, topic, { partitions });
    for (let left = kB; left > 0; left -= 20) {
      const value = "x".repeat(20_000);
      const of = numbers(partitions).map((partition) => ({ value, partition, key: `${partition} ${left}` }));
      await produce(kafka.brokers, topic, of);
    }
    return topic;
  }

  test("an answer is waited for as long as it comes", async () => {
    const topic = await filled(1, 300);
    const cluster = clusterAt(proxy.url);
    const { topicId = "" } = await cluster.known(topic);
    const connection = cluster.connection(cluster.node(cluster.leader(topic, 0)));
    await connection.open();
    proxy.limit(300_000);
    const partitions = [{ partition: 0, fetchOffset: 0, maxBytes: 1 << 20 }];
    const topics = [{ topicId, partitions }];
    const began = performance.now();
    const answer = await connection.send(
      fetch({ maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, isolationLevel: "read_committed", topics }),
      300,
    );
    const ms = performance.now() - began;
    await proxy.heal();
    assert.ok((answer.topics[0]?.partitions[0]?.records.length ?? 0) > 250_000);
    assert.ok(ms > 600, `it took ${ms} ms only`);
    const rate = connection.line.bytesPerSecond ?? 0;
    assert.ok(rate > 200_000 && rate < 400_000, `its rate is said to be ${rate}`);
  });

  test("something is handed out soon, and less is asked for at a time", async () => {
    const topic = await filled(8, 400);
    const cluster = clusterAt(proxy.url);
    const { topicId } = await cluster.known(topic);
    proxy.limit(400_000);
    let read = 0;
    const deliver = (delivery: Delivery) => {
      read += delivery.open()?.messages.length ?? 0;
      delivery.close();
    };
    const fetcher = new Fetcher(cluster, new Positions(cluster), deliver, silent, systemClock);
    const began = performance.now();
    for (const partition of numbers(8)) fetcher.add(new Acknowledgements({ topic, partition }, 0, topicId));
    // All of it is 3.2 MB, which would be one answer, and takes 8 s.
    await until(() => read >= 40, { within: 6000 });
    const ms = performance.now() - began;
    fetcher.close();
    await proxy.heal();
    assert.ok(ms < 5500, `the first quarter took ${ms} ms`);
  });

  test("a journal that takes longer than an answer may is read to its end", async () => {
    const topic = await filled(1, 700);
    const cluster = clusterAt(proxy.url);
    const { topicId } = await cluster.known(topic);
    const reader = new JournalReader({
      cluster,
      connections: new ConnectionPool(cluster),
      clock: systemClock,
      topic,
      topicId,
    });
    proxy.limit(200_000);
    const moments: number[] = [];
    const entries = await reader.read(() => true, () => moments.push(performance.now()));
    await proxy.heal();
    assert.equal(entries.length, 35);
    assert.equal(Buffer.from(entries[34]?.value ?? []).length, 20_000);
    assert.ok(moments.length >= 2, `it told ${moments.length} times that it got on`);
  });
});
