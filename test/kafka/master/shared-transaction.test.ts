import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../src/core/clock.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import { delay } from "../../../src/core/delay.ts";
import type { OutgoingRecord } from "../../../src/driver/driver.ts";
import type { FencedPublisher } from "../../../src/driver/master-log.ts";
import { TransactionQueue } from "../../../src/worker/master/transactions/transaction-queue.ts";
import { createTopic, deleteTopic, readTopic } from "../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { App, closeMasters, masterAt, yes } from "./masters.ts";
import { bytes } from "../support.ts";

const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20;

describe("ticks that share a transaction", { timeout: 60_000 }, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  after(closeMasters);

  test("the ones that Kafka refuses fail alone, each with its own error; all others are published once", async () => {
    const app = await new App(kafka).start({
      config: { "max.message.bytes": "20000", "message.timestamp.after.max.ms": "3600000" },
    });
    const compacted = `${app.topic}-compacted`;
    await createTopic(app.brokers, compacted, { config: { "cleanup.policy": "compact" } });
    const own = masterAt(kafka.url);
    const fenced = await app.fence(own);
    await fenced.read(yes);
    const transactions = transactionsOf(fenced);
    const tick = (name: string, ...records: OutgoingRecord[]) =>
      transactions.commit(() => ({ records, journal: [{ key: name, value: bytes(name) }] }));
    const good = Array.from({ length: 20 }, (_, n) => `good ${n}`);
    const bad: { [name: string]: { record: OutgoingRecord; code: string } } = {
      large: { record: app.record("x".repeat(30_000)), code: "MESSAGE_TOO_LARGE" },
      future: { record: { ...app.record("future"), timestamp: Date.now() + 86_400_000 }, code: "MESSAGE_REFUSED" },
      keyless: { record: app.record("keyless", compacted), code: "MESSAGE_REFUSED" },
      nowhere: { record: app.record("nowhere", `${app.topic}-nowhere`), code: "UNKNOWN_TOPIC" },
    };
    const began = Date.now();
    own.cluster.sent.length = 0;
    const published = good.flatMap((name, n) => {
      const [one, other] = [tick(name, app.record(name)), Object.keys(bad)[n / 5]];
      const spoilt = other === undefined ? undefined : bad[other];
      // What a refused tick sent beside it is not published either.
      if (other === undefined || spoilt === undefined) return [one];
      const refused = tick(other, app.record(`beside ${other}`), spoilt.record);
      return [one, assert.rejects(refused, (error) => error instanceof MephistoError && error.code === spoilt.code)];
    });
    await Promise.all(published);
    const took = Date.now() - began;
    const committed = await until(async () => {
      const values = await app.values();
      return values.length >= good.length && values;
    });
    assert.deepEqual(committed.toSorted(), good.toSorted());
    assert.deepEqual(await readTopic(app.brokers, compacted), []);
    const entries = await fenced.read(yes);
    assert.deepEqual(entries.map(({ key }) => key).toSorted(), good.toSorted());
    // None of them is tried again, as what may pass by itself is.
    const attempts = own.cluster.sent.filter((name) => name.startsWith("EndTxn")).length;
    assert.ok(attempts < 40, `${attempts} transactions for 24 ticks in ${took} ms`);
  });

  for (const [how, newest] of [["", undefined], [", for a broker without epochs in transactions", 1]] as const) {
    test(`a topic with too few replicas, or without a leader, holds up only what goes there${how}`, async () => {
      const app = await new App(kafka).start();
      const sick = `${app.topic}-sick`;
      await createTopic(app.brokers, sick);
      const own = masterAt(kafka.url);
      let tooFew = true;
      own.cluster.meddle = async (call, send) => {
        const answer = await send();
        if (!tooFew || call.apiName !== "Produce") return answer;
        // As Kafka says it of a batch that is written and kept by too few; one broker has never too few for itself.
        return withCode(answer, NOT_ENOUGH_REPLICAS_AFTER_APPEND, [sick, own.cluster.topic(sick)?.topicId]);
      };
      if (newest !== undefined) own.cluster.newest = newest;
      const fenced = await app.fence(own, yes, 1500);
      await fenced.read(yes);
      const transactions = transactionsOf(fenced, 200);
      const done: string[] = [];
      const tick = (name: string, ...topics: string[]) => {
        const records = topics.map((topic) => app.record(name, topic));
        const entry = { records, journal: [{ key: name, value: bytes(name) }] };
        return transactions.commit(() => entry).then(() => done.push(name));
      };
      const [waits, ...others] = [tick("sick", sick), tick("a", app.topic), tick("b", app.topic)];
      await Promise.all(others);
      for (let n = 0; n < 20; n++) await tick(`c${n}`, app.topic);
      assert.deepEqual([done.length, transactions.awayTopics.map(({ topic }) => topic)], [22, [sick]]);
      tooFew = false;
      await waits;
      // Without a leader no transaction is even begun.
      const { leader } = own.cluster;
      own.cluster.leader = (topic, partition) => topic === sick ? -1 : leader.call(own.cluster, topic, partition);
      own.cluster.sent.length = 0;
      const headless = tick("headless", sick, app.topic);
      await until(() => transactions.awayTopics.length > 0);
      assert.deepEqual(own.cluster.sent.filter((name) => /^(Produce|EndTxn|AddPartitions)/.test(name)), []);
      await tick("d", app.topic);
      own.cluster.leader = leader;
      await headless;
      assert.deepEqual(await app.values(sick), ["sick", "headless"]);
      assert.deepEqual((await fenced.read(yes)).map(({ key }) => key).toSorted(), done.toSorted());
    });
  }

  for (const [how, newest] of [["", undefined], [", for a broker without epochs in transactions", 1]] as const) {
    test(`a topic that is made again with fewer partitions takes the next tick${how}`, async () => {
      const app = await new App(kafka).start({ partitions: 8 });
      const own = masterAt(kafka.url);
      if (newest !== undefined) own.cluster.newest = newest;
      const fenced = await app.fence(own);
      await fenced.read(yes);
      const transactions = transactionsOf(fenced);
      const round = (name: string) => {
        const records = Array.from({ length: 8 }, (_, n) => app.record(`${name} ${n}`));
        return transactions.commit(() => ({ records, journal: [{ key: "timer", value: bytes(name) }] }));
      };
      await round("first");
      await deleteTopic(app.brokers, app.topic);
      await until(async () => {
        await createTopic(app.brokers, app.topic, { partitions: 2 });
        return true;
      });
      const began = performance.now();
      await round("second");
      // Half of the time that a transaction may last: nobody waits for what will never come back.
      assert.ok(performance.now() - began < 5000, `${performance.now() - began} ms`);
      const values = await app.values();
      assert.deepEqual(values.toSorted(), Array.from({ length: 8 }, (_, n) => `second ${n}`));
    });
  }

  test("the entries of many ticks go in several batches where the journal takes no larger ones", async () => {
    const app = new App(kafka);
    await createTopic(app.brokers, app.journal, {
      config: { "cleanup.policy": "compact", "max.message.bytes": "2000" },
    });
    await app.start();
    const fenced = await app.fence();
    await fenced.read(yes);
    const journal = Array.from({ length: 100 }, (_, n) => ({ key: `timer ${n}`, value: bytes("x".repeat(100) + n) }));
    const names = journal.map(({ key }) => key).toSorted();
    await fenced.publish({ records: [app.record("a")], journal }, yes);
    assert.deepEqual((await fenced.read(yes)).map(({ key }) => key).toSorted(), names);
    await fenced.publish({ records: [app.record("b")], journal: () => journal }, yes);
    assert.equal((await fenced.read(yes)).length, 100);
    const large = [{ key: "timer 0", value: bytes("x".repeat(3000)) }];
    await assert.rejects(fenced.publish({ records: [app.record("c")], journal: large }, yes), {
      code: "MESSAGE_TOO_LARGE",
    });
    await until(async () => (await app.values()).length >= 2);
    assert.deepEqual(await app.values(), ["a", "b"]);
  });
});

function transactionsOf(fenced: FencedPublisher, trialMs = 1500): TransactionQueue {
  return new TransactionQueue({
    ...{ fenced, holds: yes, signal: new AbortController().signal, clock: systemClock, sleep: delay, trialMs },
    appended() {},
    lost: (error) => assert.fail(error),
  });
}

/** An answer to Produce that refuses the partitions of a topic, given by its name or its id; any other as it is. */
function withCode<T>(answer: T, errorCode: number, of: readonly (string | undefined)[]): T {
  return JSON.parse(
    JSON.stringify(answer),
    (_, value) =>
      of.includes(value?.topic) && Array.isArray(value.partitions)
        ? { ...value, partitions: value.partitions.map((each: object) => ({ ...each, errorCode })) }
        : value,
  );
}
