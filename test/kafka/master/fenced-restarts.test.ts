import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Buffer } from "node:buffer";
import { type KafkaServer, onDevBroker, startKafka } from "../../support/kafka.ts";
import { produce, readTopic } from "../../support/kafkajs-oracle.ts";
import { until } from "../../support/until.ts";
import { App, closeMasters, losesAnswer, masterAt, yes } from "./masters.ts";
import { assertOnce, stateOf, surely } from "./ticks.ts";
import { failure } from "../../support/failure.ts";

/** Of EndTxn. */
const END_TXN = 26;

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

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
    const swallowed = proxy.swallowAnswers(END_TXN);
    const outcome = failure(app.tick(master, "1"));
    await until(() => swallowed() === 1, { every: 5 });
    const lost = performance.now();
    assert.equal(await outcome, "UNKNOWN_OUTCOME");
    const took = performance.now() - lost;
    assert.ok(took < 2800, `one lost answer costs a second and milliseconds, not ${took} ms`);
    await proxy.heal();
    await master.recover(yes);
    assert.equal(await app.last(master), "1");
    await app.tick(master, "2");
    await until(async () => (await app.values()).length === 3);
    assert.deepEqual(await app.values(), ["0", "1", "2"]);
  });
});
