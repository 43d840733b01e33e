import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Buffer } from "node:buffer";
import { describeTransactions } from "../../src/broker/requests/65-describe-transactions.ts";
import type { FencedPublisher } from "../../src/driver/master-log.ts";
import { type KafkaCluster, startCluster } from "../support/kafka-cluster.ts";
import { type KafkaServer, kafkaSkip, onDevBroker, startKafka } from "../support/kafka.ts";
import { produce, readTopic } from "../support/independent.ts";
import { wireClient } from "../support/wire-client.ts";
import { until } from "../support/until.ts";
import { App, closeMasters, failure, losesAnswer, masterAt, yes } from "./masters.ts";

const TRANSACTIONAL_ID_NOT_FOUND = 105;
/** Of EndTxn. */
const END_TXN = 26;

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** As a master does: what is not known is found out from the journal, and what did not happen is tried again. */
async function surely(app: App, master: FencedPublisher, name: string, values: readonly string[]): Promise<void> {
  await until(async () => {
    const code = await failure(app.tick(master, name, values));
    if (code === "") return true;
    assert.ok(["UNKNOWN_OUTCOME", "UNREACHABLE", "PROTOCOL"].includes(code), code);
    if (code !== "UNKNOWN_OUTCOME") return false;
    await until(async () => await failure(master.recover(yes)) === "", { within: 40_000 });
    return await until(async () => ({ last: await app.last(master) }), { within: 40_000 }).then(({ last }) =>
      last === name
    );
  }, { within: 60_000 });
}

/** Every tick is whole and there once, in the order of the ticks. */
function assertOnce(values: readonly string[], ticks: number, size: number): void {
  assert.deepEqual(values.toSorted(), numbers(ticks).flatMap((n) => numbers(size).map((m) => `${n}/${m}`)).sort());
}

/**
 * Has the coordinator find an id at this epoch when it starts again: by its own log, in which a transaction's state has
 * its epoch after the version and the producer id.
 */
async function setEpoch(kafka: KafkaServer, transactionalId: string, epoch: number): Promise<void> {
  const states = await readTopic(kafka.brokers, "__transaction_state");
  const latest = states.findLast(({ key }) => key?.includes(transactionalId)) ?? assert.fail("it has no state");
  const value = Buffer.from(latest.value ?? assert.fail("it was forgotten"));
  value.writeInt16BE(epoch, 10);
  const { partition, key } = latest;
  // Only to this client a broker lets its own topics be written by.
  await produce(kafka.brokers, "__transaction_state", [{ key, value, partition }], { clientId: "__admin_client" });
}

/** Ticks, over the last epoch of a producer id, of which every second commit has no answer: each is there once. */
async function wraps(app: App): Promise<void> {
  const own = masterAt(app.url);
  const master = await app.fence(own);
  const older = await app.fence(own);
  const first = await stateOf(app);
  assert.ok(onDevBroker || first.producerEpoch > 32_763);
  assert.equal(await app.last(older), "before");
  assert.equal(await failure(master.recover(yes)), "FENCED");
  const names = numbers(8).map((n) => `wrap ${n}`);
  for (const [n, name] of names.entries()) {
    own.cluster.meddle = n % 2 ? losesAnswer("EndTxn") : (_, send) => send();
    await surely(app, older, name, [name]);
  }
  assert.equal(await failure(master.recover(yes)), "FENCED");
  await until(async () => (await app.values()).length === 1 + names.length);
  assert.deepEqual(await app.values(), ["before", ...names]);
  assert.ok(onDevBroker || (await stateOf(app)).producerId !== first.producerId, "its epoch has not wrapped");
}

/** What the coordinator knows of an app's masters. */
async function stateOf({ id, brokers }: App) {
  const asking = await wireClient(Number(brokers[0]?.split(":")[1]));
  const { transactionStates } = await asking.call(describeTransactions, 0, { transactionalIds: [`${id}.master`] });
  asking.close();
  return transactionStates[0] ?? assert.fail("nothing is known of it");
}

describe("when the broker is restarted", { timeout: 120_000 }, () => {
  let kafka: KafkaServer;
  before(async () => {
    kafka = await startKafka({ proxies: 1 });
  });
  afterEach(closeMasters);
  after(() => kafka.stop());

  test("a master goes on, and each tick is there once; a fence waits for the broker, for as long as it may", async () => {
    const app = await new App(kafka).start({ partitions: 3 });
    const master = await app.fence();
    await master.read(yes);
    await surely(app, master, "0", numbers(10).map((m) => `0/${m}`));
    const wrapping = await new App(kafka).start();
    await wrapping.tick(await wrapping.fence(), "before");
    if (!onDevBroker) await setEpoch(kafka, `${wrapping.id}.master`, 32_763);
    const restarting = kafka.restart();
    for (const n of [1, 2, 3]) await surely(app, master, `${n}`, numbers(10).map((m) => `${n}/${m}`));
    await restarting;
    await wraps(wrapping);
    const hard = kafka.restart({ hard: true });
    const other = new App(kafka);
    let asked = 0;
    assert.equal(await failure(other.fence(undefined, () => asked++ < 5)), "NOT_MASTER");
    const fencing = other.fence();
    for (const n of [4, 5, 6]) await surely(app, master, `${n}`, numbers(10).map((m) => `${n}/${m}`));
    await hard;
    assert.equal(await failure((await fencing).recover(yes)), "");
    await until(async () => (await app.values()).length === 70, { within: 20_000 });
    assertOnce(await app.values(), 7, 10);
  });

  test("a proxy that swallows the answer to a commit: the journal tells that it happened", async () => {
    const [proxy] = kafka.proxies;
    assert.ok(proxy);
    const app = await new App(kafka).start();
    const master = await app.fence(masterAt(proxy.url), yes, 6000);
    await master.read(yes);
    await app.tick(master, "0");
    const began = performance.now();
    const swallowed = proxy.swallowAnswers(END_TXN);
    const outcome = failure(app.tick(master, "1"));
    await until(() => swallowed() === 1, { every: 5 });
    await proxy.heal();
    assert.equal(await outcome, "UNKNOWN_OUTCOME");
    await master.recover(yes);
    assert.equal(await app.last(master), "1");
    await app.tick(master, "2");
    const took = performance.now() - began;
    assert.ok(took < 2800, `one lost answer costs a second and milliseconds, not ${took} ms`);
    await until(async () => (await app.values()).length === 3);
    assert.deepEqual(await app.values(), ["0", "1", "2"]);
  });
});

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
    await kafka.stop();
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
