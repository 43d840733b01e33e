import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../../src/core/clock.ts";
import { silent } from "../../../../src/core/logger.ts";
import { delay } from "../../../../src/core/delay.ts";
import type { Supervisor } from "../../../../src/core/supervisor.ts";
import type { Delivery, TopicPartition } from "../../../../src/driver/driver.ts";
import { ByteBudget } from "../../../../src/core/byte-budget.ts";
import { Fetcher } from "../../../../src/kafka/consumer/fetch/fetcher.ts";
import { Acknowledgements } from "../../../../src/core/acknowledgements.ts";
import { Positions } from "../../../../src/kafka/consumer/positions.ts";
import { createTopic, deleteTopic, produce } from "../../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests } from "../../../support/kafka.ts";
import { until } from "../../../support/until.ts";
import { Lines, supervisorOf } from "../../../core/fakes.ts";
import { closeAll, clusterAt, unique } from "../../support.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("a fetcher", { timeout: 60_000 }, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  const fetchers: Fetcher[] = [];
  after(() => {
    for (const fetcher of fetchers) fetcher.close();
    closeAll();
  });

  /** Reads partitions from their start; `read` has the values that were handed out. */
  async function reading(
    partitions: TopicPartition[],
    { trouble = 0, keep = (_: Delivery): boolean => false, supervisor = undefined as Supervisor | undefined } = {},
  ) {
    const read: string[] = [];
    const deliver = (delivery: Delivery) => {
      const isKept = keep(delivery);
      for (const { value } of delivery.open()?.messages ?? []) read.push(String(value && Buffer.from(value)));
      if (!isKept) delivery.close();
    };
    await fetching(partitions, deliver, { trouble, supervisor });
    return read;
  }

  async function fetching(
    partitions: TopicPartition[],
    deliver: (delivery: Delivery) => void,
    { trouble = 0, supervisor = undefined as Supervisor | undefined, budget = new ByteBudget() } = {},
  ): Promise<void> {
    const cluster = clusterAt(kafka.url);
    class Unsure extends Positions {
      override earliest(at: TopicPartition): Promise<number> {
        return trouble-- > 0 ? Promise.reject(new Error("no leader yet")) : super.earliest(at);
      }
    }
    const fetcher = new Fetcher(cluster, new Unsure(cluster), deliver, silent, systemClock, supervisor, budget);
    fetchers.push(fetcher);
    for (const at of partitions) {
      fetcher.add(new Acknowledgements(at, 0, (await cluster.known(at.topic)).topicId));
    }
  }

  test("begins a topic that was created again at its start, also if that is not known at once", async () => {
    const topic = unique("again");
    await createTopic(kafka.brokers, topic);
    await produce(kafka.brokers, topic, numbers(10).map((n) => ({ value: `old ${n}` })));
    const read = await reading([{ topic, partition: 0 }], { trouble: 2 });
    await until(() => read.length === 10);
    await deleteTopic(kafka.brokers, topic);
    await until(() => createTopic(kafka.brokers, topic).then(() => true));
    await produce(kafka.brokers, topic, numbers(100).map((n) => ({ value: `new ${n}` })));
    await until(() => read.includes("new 99"));
    assert.deepEqual(read.slice(10), numbers(100).map((n) => `new ${n}`));
  });

  test("a message larger than is asked for does not wait for the backlog of another partition", async () => {
    const topic = unique("large");
    await createTopic(kafka.brokers, topic, { partitions: 2, config: { "max.message.bytes": "8000000" } });
    for (let n = 0; n < 20; n++) {
      await produce(kafka.brokers, topic, [{ value: "x".repeat(900_000), partition: 0 }]);
    }
    await produce(kafka.brokers, topic, [{ value: "y".repeat(3_000_000), partition: 1 }]);
    const read = await reading([0, 1].map((partition) => ({ topic, partition })));
    await until(() => read.length === 21);
    assert.ok(read.findIndex((value) => value.startsWith("y")) < 15, "it came last");
  });

  test("with little memory everything comes, little is held at a time, and nothing at the end", async () => {
    const topic = unique("small");
    const partitions = numbers(8).map((partition) => ({ topic, partition }));
    await createTopic(kafka.brokers, topic, { partitions: 8 });
    for (let n = 0; n < 8; n++) {
      const messages = partitions.map(({ partition }) => ({
        value: `${partition} ${n} ${"x".repeat(100_000)}`,
        partition,
      }));
      await produce(kafka.brokers, topic, messages);
    }
    const budget = new ByteBudget(1 << 20);
    const waiting: Delivery[] = [];
    const deliver = (delivery: Delivery) => void waiting.push(delivery);
    await fetching(partitions, deliver, { budget });
    const read: string[] = [];
    let most = 0;
    await until(() => {
      most = Math.max(most, budget.held);
      const delivery = waiting.shift();
      for (const { value } of delivery?.open()?.messages ?? []) {
        read.push(String(value && Buffer.from(value.slice(0, 3))));
      }
      most = Math.max(most, budget.held);
      delivery?.close();
      return read.length === 64;
    }, { within: 20_000, every: 5 });
    for (const { partition } of partitions) {
      const own = read.filter((value) => value.startsWith(`${partition} `));
      assert.deepEqual(own, numbers(8).map((n) => `${partition} ${n}`));
    }
    // A batch is larger than what is asked for of a partition here, and of each one may wait.
    assert.ok(most < 1.5 * budget.limit, `${most} bytes were held, of 6.4 MB`);
    assert.equal(budget.held, 0);
  });

  test("an actor that is slow, and holds all the room there is, does not keep others from being read", async () => {
    const [slow, quick] = [unique("slow"), unique("quick")];
    const partitions = numbers(60).map((partition) => ({ topic: slow, partition }));
    await createTopic(kafka.brokers, slow, { partitions: 60 });
    await createTopic(kafka.brokers, quick);
    const value = "x".repeat(1_000_000);
    for (let first = 0; first < 60; first += 10) {
      const messages = partitions.slice(first, first + 10).map(({ partition }) => ({ value, partition }));
      await produce(kafka.brokers, slow, messages);
    }
    const keep = ({ topic }: Delivery) => topic === slow;
    const read = await reading([...partitions, { topic: quick, partition: 0 }], { keep });
    await until(() => read.length >= 32, { within: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 1000)); // until what was asked for has come too
    await produce(kafka.brokers, quick, [{ value: "hello" }]);
    await until(() => read.includes("hello"));
  });

  test("a fault of ours while messages come in is told, and leaves none of them out", async () => {
    const topic = unique("fault");
    await createTopic(kafka.brokers, topic);
    for (let n = 0; n < 30; n += 10) {
      await produce(kafka.brokers, topic, numbers(10).map((i) => ({ value: `${n + i} ${"x".repeat(50_000)}` })));
    }
    const lines = new Lines();
    const sleep = (ms: number, signal?: AbortSignal) => delay(Math.min(ms, 10), signal);
    const supervisor = supervisorOf({ logger: lines, clock: systemClock, sleep });
    let deliveries = 0;
    const keep = () => {
      if (++deliveries === 2) throw new TypeError("undefined is not a function");
      return false;
    };
    const read = await reading([{ topic, partition: 0 }], { keep, supervisor });
    await until(() => read.some((value) => value.startsWith("29 ")));
    assert.deepEqual(new Set(read.map((value) => parseInt(value))), new Set(numbers(30)));
    assert.equal(lines.of(/^error: The fetching from broker \d+ has failed.* started again in 1s\.$/).length, 1);
    assert.deepEqual(supervisor.ended, []);
  });
});
