import assert from "node:assert/strict";
import { test } from "node:test";
import { type KafkaAddress, kafkaForTests, startKafkaFor } from "../support/kafka.ts";
import { readTopic, type StoredMessage } from "../support/kafkajs-oracle.ts";
import { until } from "../support/until.ts";
import { clusterOf, type WorkerCluster } from "./cluster.ts";

const SLOT = 200;
/** Of EndTxn. */
const END_TXN = 26;

/** What a tick of the fixture published. */
type Tick = { slot: number; epoch: number; pid: number; message: StoredMessage };

async function ticksOf(cluster: WorkerCluster): Promise<Tick[]> {
  const stored = await cluster.stored("out");
  return stored
    .filter(({ headers }) => String(headers["mephisto-timer"]) === "publish")
    .map((message) => ({ ...JSON.parse(String(message.value)), message }));
}

/** The journal's last value of a key. */
async function journalled(kafka: KafkaAddress, cluster: WorkerCluster, key: string) {
  const stored = await readTopic(kafka.brokers, `${cluster.app}-master`);
  const found = stored.findLast((message) => String(message.key) === key);
  return found && JSON.parse(String(found.value));
}

/** Every slot from the first to the last, each one time; epochs never go back along a partition. */
function everySlotOnce(ticks: Tick[]): void {
  const slots = ticks.map(({ slot }) => slot).sort((a, b) => a - b);
  const [first = 0, last = 0] = [slots[0], slots.at(-1)];
  const wanted = Array.from({ length: 1 + (last - first) / SLOT }, (_, index) => first + index * SLOT);
  assert.deepEqual(slots, wanted);
  epochsGrow(ticks);
}

function epochsGrow(ticks: Tick[]): void {
  for (const partition of new Set(ticks.map(({ message }) => message.partition))) {
    const epochs = ticks.filter(({ message }) => message.partition === partition).map(({ epoch }) => epoch);
    assert.deepEqual(epochs, [...epochs].sort((a, b) => a - b));
  }
}

const text = (value: unknown) => String(value);

/** The first tick of an epoch above this one. */
const above = (cluster: WorkerCluster, epoch: number, within = 20_000) =>
  until(async () => (await ticksOf(cluster)).find((tick) => tick.epoch > epoch), { within, every: 100 });

test("every slot is published exactly once, whatever becomes of the masters", { timeout: 180_000 }, async (t) => {
  const kafka = await kafkaForTests();
  const cluster = clusterOf(kafka, "ticks", { fixture: "ticks" });
  t.after(() => cluster.end());
  for (const runtime of ["bun", "deno", "node"] as const) cluster.start(runtime);
  await cluster.settled("out", 4);
  const masterOf = ({ pid }: { pid: number }) => cluster.workers.find((worker) => worker.pid === pid) ?? assert.fail();

  const first = await above(cluster, 0);
  await t.test("the first master's epoch is 1, its messages say where they are from", async () => {
    assert.equal(first.epoch, 1);
    const { headers } = first.message;
    assert.deepEqual(
      [text(headers["mephisto-timer"]), text(headers["mephisto-slot"]), text(headers["mephisto-epoch"])],
      [
        "publish",
        String(first.slot),
        "1",
      ],
    );
    const { mastership } = await masterOf(first).status();
    assert.deepEqual([mastership.master, mastership.epoch], [true, 1]);
  });

  await t.test("kill -9 of the master: the next one goes on with the next slot", async () => {
    masterOf(first).kill("SIGKILL");
    const next = await above(cluster, 1);
    assert.equal(next.epoch, 2);
  });

  await t.test("SIGTERM of the master: it resigns in the journal, and the next one goes on", async () => {
    const second = await above(cluster, 1);
    const old = masterOf(second);
    old.kill("SIGTERM");
    await old.exit;
    const next = await above(cluster, 2);
    assert.notEqual(next.pid, second.pid);
    const journal = await readTopic(kafka.brokers, `${cluster.app}-master`);
    const masters = journal.filter(({ key }) => String(key) === "master").map(({ value }) => JSON.parse(String(value)));
    assert.ok(masters.some(({ epoch, resigned }) => epoch === 2 && resigned), JSON.stringify(masters));
  });

  await t.test("all of them are there, once, and no epoch goes back", async () => {
    await until(async () => (await ticksOf(cluster)).filter(({ epoch }) => epoch === 3).length > 5);
    const ticks = await ticksOf(cluster);
    everySlotOnce(ticks);
    assert.deepEqual(new Set(ticks.map(({ epoch }) => epoch)), new Set([1, 2, 3]));
  });
});

test("a tick that throws publishes nothing", { timeout: 60_000 }, async (t) => {
  const kafka = await kafkaForTests();
  const cluster = clusterOf(kafka, "throws", { fixture: "ticks", env: { MODE: "throws" } });
  t.after(() => cluster.end());
  const worker = cluster.start("node");
  await until(() => worker.events("tick").filter(({ slot }) => slot % 1000 === 0).length >= 2);
  const thrown = worker.events("tick").find(({ slot }) => slot % 1000 === 0) ?? assert.fail();
  await until(async () => (await ticksOf(cluster)).some(({ slot }) => slot > thrown.slot));
  worker.kill("SIGTERM");
  await worker.exit;
  const slots = (await ticksOf(cluster)).map(({ slot }) => slot);
  assert.deepEqual(slots.filter((slot) => slot % 1000 === 0), []);
  assert.ok(slots.includes(thrown.slot - SLOT) || slots.includes(thrown.slot + SLOT));
  const uncommitted = await readTopic(kafka.brokers, cluster.topic("out"), { readCommitted: false });
  assert.equal(uncommitted.length, (await ticksOf(cluster)).length, "nothing of it was on its way either");
  const record = await journalled(kafka, cluster, "timer:publish");
  assert.ok(record.failed >= 1 && record.ran >= 4, JSON.stringify(record));
});

test("100,000 sends of one tick are published, once", { timeout: 120_000 }, async (t) => {
  const kafka = await kafkaForTests();
  const cluster = clusterOf(kafka, "large", { fixture: "ticks", env: { MODE: "large" } });
  t.after(() => cluster.end());
  // A busy machine may take seconds for them, in which no heartbeat is sent.
  const worker = cluster.start("node", { args: ["--session-timeout", "30s"] });
  const { slot } = await until(() => worker.events("sent")[0], { within: 30_000 });
  await until(async () => (await journalled(kafka, cluster, "timer:large"))?.slot >= slot, {
    within: 30_000,
    every: 200,
  });
  worker.kill("SIGTERM");
  await worker.exit;
  const stored = (await cluster.stored("out")).filter(({ headers }) => text(headers["mephisto-slot"]) === String(slot));
  const numbers = stored.filter(({ headers }) => text(headers["mephisto-timer"]) === "large")
    .map(({ value }) => JSON.parse(String(value)).number);
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: 100_000 }, (_, number) => number));
});

test(
  "an answer to EndTxn that never comes: the tick is published once, and the next ones go on",
  { timeout: 120_000 },
  async (t) => {
    const kafka = await startKafkaFor(t, { proxies: 1 });
    const [proxy = assert.fail()] = kafka.proxies;
    const cluster = clusterOf({ ...kafka, url: proxy.url }, "swallowed", { fixture: "ticks" });
    t.after(() => cluster.end());
    cluster.start("node");
    const first = await above(cluster, 0);
    const swallowed = proxy.swallowAnswers(END_TXN);
    await until(() => swallowed() >= 1);
    await proxy.heal();
    const at = Date.now();
    await until(async () => (await ticksOf(cluster)).some(({ slot }) => slot > at), { within: 30_000, every: 200 });
    everySlotOnce(await ticksOf(cluster));
    assert.deepEqual(new Set((await ticksOf(cluster)).map(({ epoch }) => epoch)), new Set([first.epoch]));
  },
);

test(
  "what a task on the master sends is published once, by one master after the other",
  { timeout: 120_000 },
  async (t) => {
    const kafka = await kafkaForTests();
    const cluster = clusterOf(kafka, "task", { fixture: "ticks", env: { MODE: "task" } });
    t.after(() => cluster.end());
    cluster.start("node");
    cluster.start("bun");
    const sent = async () =>
      (await cluster.stored("out"))
        .filter(({ headers }) => text(headers["mephisto-task"]) === "firehose")
        .map((message): Tick => ({ ...JSON.parse(String(message.value)), message }));
    const first = await until(async () => (await sent()).at(100), { within: 20_000, every: 200 });
    const old = cluster.workers.find(({ pid }) => pid === first.pid) ?? assert.fail();
    old.kill("SIGTERM");
    await old.exit;
    await until(async () => (await sent()).some(({ epoch }) => epoch === 2), { within: 20_000, every: 200 });
    // Partitions are read one after the other: what is written meanwhile would be seen in the last ones only.
    for (const worker of cluster.workers.filter((each) => each !== old)) {
      worker.kill("SIGTERM");
      await worker.exit;
    }
    const all = await sent();
    epochsGrow(all);
    for (const epoch of [1, 2]) {
      const numbers = all.filter((each) => each.epoch === epoch).map(({ slot }) => slot).sort((a, b) => a - b);
      assert.deepEqual(numbers, numbers.map((_, index) => index));
    }
  },
);
