/** What brokers do of themselves: they forget a master's id, move what they lead, and lead without all that was read. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KafkaCluster, startCluster } from "../../support/kafka-cluster.ts";
import { committed, produce, withAdmin } from "../../support/kafkajs-oracle.ts";
import { kafkaSkip, startKafka } from "../../support/kafka.ts";
import { until } from "../../support/until.ts";
import { App, closeMasters, masterAt, yes } from "./masters.ts";
import { closeAll, Member, unique } from "../support.ts";
import { assertOnce, stateOf, surely } from "./ticks.ts";
import { failure } from "../../support/failure.ts";

const TRANSACTIONAL_ID_NOT_FOUND = 105;

const LIMIT = { within: 30_000 };

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

test(
  "a transactional id that was forgotten is no mastership any more",
  { skip: kafkaSkip, timeout: 60_000 },
  async () => {
    const kafka = await startKafka({
      settings: {
        "transactional.id.expiration.ms": 2000,
        "transaction.remove.expired.transaction.cleanup.interval.ms": 300,
      },
    });
    try {
      const app = await new App(kafka).start();
      const master = await app.fence();
      await app.tick(master, "1");
      // The broker forgets an id that is not used for so long; it is then as if nobody had ever been master.
      await until(async () => (await stateOf(app)).errorCode === TRANSACTIONAL_ID_NOT_FOUND, {
        within: 60_000,
        every: 300,
      });
      assert.equal(await failure(app.tick(master, "2")), "FENCED");
      assert.equal(await failure(master.recover(yes)), "FENCED");
      const successor = await app.fence();
      assert.equal(await app.last(successor), "1");
      await app.tick(successor, "3");
      await until(async () => (await app.values()).length === 2);
      assert.deepEqual(await app.values(), ["1", "3"]);
    } finally {
      closeMasters();
      await kafka.stop();
    }
  },
);

describe("over three brokers", { skip: kafkaSkip, timeout: 180_000 }, () => {
  let kafka: KafkaCluster;
  before(async () => {
    kafka = await startCluster();
  });
  after(async () => {
    closeMasters();
    closeAll();
    await kafka?.stop(); // that it has not come up is told by `before`
  });

  test("a tick reaches partitions of all; leaders and the coordinator may move amid it", async () => {
    const app = await new App(kafka).start({ partitions: 6, replicas: 3 });
    assert.deepEqual(app.state.warnings, []);
    const master = await app.fence(masterAt(kafka.url), yes, 30_000);
    await master.read(yes);
    let n = 0;
    const some = async (count: number) => {
      for (const _ of numbers(count)) {
        await surely(app, master, `${n}`, numbers(60).map((m) => `${n}/${m}`));
        n++;
      }
    };
    await some(3);
    for (const [node, signal] of [[2, "SIGKILL"], [3, "SIGTERM"]] as const) {
      const ending = kafka.end(node, signal);
      await some(3);
      await ending;
      const beginning = kafka.begin(node);
      await some(3);
      await beginning;
    }
    await until(async () => (await app.values()).length >= 60 * n, { within: 30_000 });
    assertOnce(await app.values(), n, 60);
  });

  test("a leader that lacks what was read (an unclean election) is found out, told, and read on", async () => {
    const topic = unique("unclean");
    const settings = { "unclean.leader.election.enable": "true", "min.insync.replicas": "1" };
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    const replicaAssignment = [{ partition: 0, replicas: [2, 3] }];
    await withAdmin(
      kafka.brokers,
      (admin) => admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }] }),
    );
    const leader = () =>
      withAdmin(kafka.brokers, async (admin) => {
        const { topics: [found] } = await admin.fetchTopicMetadata({ topics: [topic] });
        return found?.partitions[0]?.leader;
      });
    await until(async () => await leader() === 2, LIMIT);
    const write = (from: number, count: number) =>
      produce(kafka.brokers, topic, numbers(count).map((n) => ({ value: `${from + n}` })));
    await write(0, 10);
    const member = new Member(kafka.url, topic, [topic]);
    const again = `${topic}-again`;
    const stopped = new Member(kafka.url, again, [topic]);
    await until(() => member.handled.length === 10, LIMIT);
    await kafka.end(3, "SIGTERM");
    await write(10, 10);
    await until(() => member.handled.length === 20 && stopped.handled.length === 20, LIMIT);
    await stopped.stop();
    await kafka.end(2, "SIGKILL");
    await kafka.begin(3);
    await until(async () => await leader() === 3, LIMIT);
    // So many that the position is within the new log, where a reader that takes it for the old one goes on.
    await write(20, 15);
    const started = new Member(kafka.url, again, [topic]);
    await until(() => member.handled.length >= 35 && started.handled.length >= 15, LIMIT);
    for (const { handled, logger } of [{ handled: member.handled.slice(20), logger: member.logger }, started]) {
      assert.deepEqual(
        handled.map(({ offset, value }) => `${offset}: ${value}`),
        numbers(15).map((n) => `${10 + n}: ${20 + n}`),
      );
      const told = logger.warnings().filter((line) => line.startsWith(`${topic}[0]`));
      assert.deepEqual(told, [
        `${topic}[0]: its log was cut back from offset 20 to 10 (an unclean leader election): 10 messages that this ` +
        "worker has handled are gone, and 0 that it has not. Reading on at offset 10.",
      ]);
    }
    for (const group of [topic, again]) {
      await until(async () => (await committed(kafka.brokers, group, topic))[0] === 25n, LIMIT);
    }
  });
});
