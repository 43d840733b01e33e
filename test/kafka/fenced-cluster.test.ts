/** What brokers do of themselves with a master's transactions: they forget its id, and move what they lead. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type KafkaCluster, startCluster } from "../support/kafka-cluster.ts";
import { kafkaSkip, startKafka } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import { App, closeMasters, failure, masterAt, yes } from "./masters.ts";
import { assertOnce, stateOf, surely } from "./ticks.ts";

const TRANSACTIONAL_ID_NOT_FOUND = 105;

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
      const heir = await app.fence();
      assert.equal(await app.last(heir), "1");
      await app.tick(heir, "3");
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
});
