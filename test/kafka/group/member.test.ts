import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemTime } from "../../../src/core/delay.ts";
import { silent } from "../../../src/core/logger.ts";
import type { MemberListener } from "../../../src/driver/driver.ts";
import { KafkaDriver } from "../../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../../src/kafka/connection/url.ts";
import { createTopic, deleteTopic, produce, quietKafka } from "../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { unique } from "../support.ts";
import { ignoring } from "../../../src/driver/ignoring.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("a consumer", { timeout: 120_000 }, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  const members: { leave(): Promise<void> }[] = [];
  after(async () => {
    await Promise.all(members.map((member) => member.leave()));
  });

  /** A member that handles at once what it is given, and keeps it. */
  async function join(group: string, topics: string[], listener: Partial<MemberListener> = {}) {
    const driver = new KafkaDriver(
      parseUrl(kafka.url, "test"),
      "consumer-test",
      { linger: 0, compression: undefined },
      silent,
      systemTime,
    );
    const read: string[] = [];
    const profile = { worker: "", runtime: "", version: "", timers: [], mayBeMaster: true, presence: undefined };
    const options = { group, topics, profile, instanceId: undefined, sessionTimeout: 6000, heartbeatInterval: 200 };
    const membership = driver.join(options, {
      ...ignoring,
      deliver: (delivery) => {
        const run = delivery.open();
        for (const { value } of run?.messages ?? []) read.push(String(value && Buffer.from(value)));
        run?.acknowledge(run.messages.length);
        delivery.close();
      },
      ...listener,
    });
    const member = {
      read,
      leave: async () => {
        await membership.leave(2000);
        await driver.close(500);
      },
    };
    members.push(member);
    await membership.ready();
    return member;
  }

  test("reads partitions that are added to its topic, also if it is not the one that has seen them", async () => {
    const topic = unique("added");
    await createTopic(kafka.brokers, topic, { partitions: 2 });
    // Who holds what is counted, not who has read what: a member that is slow for once may be removed in between.
    const held = [new Set<number>(), new Set<number>()] as const;
    const counting = (own: Set<number>): Partial<MemberListener> => ({
      assigned: (given) => given.forEach(({ partition }) => own.add(partition)),
      revoked: (taken) => {
        taken.forEach(({ partition }) => own.delete(partition));
        return Promise.resolve();
      },
      lost: (taken) => taken.forEach(({ partition }) => own.delete(partition)),
      removed: () => own.clear(),
    });
    const two = [await join(topic, [topic], counting(held[0])), await join(topic, [topic], counting(held[1]))];
    await until(() => held.every(({ size }) => size === 1));
    const admin = quietKafka(kafka.brokers).admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] });
    // kafkajs leaves out, without a word, what is for a partition that its metadata does not have yet.
    await until(async () => {
      const { topics: [added] } = await admin.fetchTopicMetadata({ topics: [topic] });
      return added?.partitions.length === 6;
    });
    await admin.disconnect();
    const messages = numbers(6).map((n) => ({ value: String(n), partition: n }));
    await until(() => produce(kafka.brokers, topic, messages).then(() => true));
    await until(() => {
      const read = [...new Set(two.flatMap(({ read }) => read))].sort();
      const holding = held.map(({ size }) => size);
      assert.deepEqual({ read, holding }, { read: numbers(6).map(String), holding: [3, 3] });
      return true;
    }, { within: 30_000 });
  });

  test("commits nothing of a topic that is gone to the next one of its name, and gives its partitions up", async () => {
    const topic = unique("gone");
    await createTopic(kafka.brokers, topic);
    const done: (() => void)[] = [];
    const gaveUp = Promise.withResolvers<void>();
    const read: string[] = [];
    await join(topic, [topic], {
      deliver: (delivery) => {
        const run = delivery.open();
        for (const { value } of run?.messages ?? []) read.push(String(value && Buffer.from(value)));
        done.push(() => run?.acknowledge(run.messages.length));
        delivery.close();
      },
      revoked: () => {
        for (const acknowledge of done) acknowledge();
        gaveUp.resolve();
        return Promise.resolve();
      },
    });
    await produce(kafka.brokers, topic, numbers(100).map((n) => ({ value: `old ${n}` })));
    await until(() => read.length === 100);
    await deleteTopic(kafka.brokers, topic);
    await gaveUp.promise; // by then the leader of the group has looked for its topics
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await until(() => createTopic(kafka.brokers, topic).then(() => true));
    await produce(kafka.brokers, topic, numbers(200).map((n) => ({ value: `new ${n}` })));
    await until(() => read.includes("new 199"), { within: 30_000 });
    assert.deepEqual(read.filter((value) => value.startsWith("new")), numbers(200).map((n) => `new ${n}`));
  });
});
