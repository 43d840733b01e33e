import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Clock } from "../../../src/core/clock.ts";
import { systemTime } from "../../../src/core/delay.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import { type Logger, silent } from "../../../src/core/logger.ts";
import { Batch } from "../../../src/kafka/producer/batch.ts";
import { Cluster } from "../../../src/kafka/connection/cluster.ts";
import type { BrokerConnection } from "../../../src/kafka/connection/broker-connection.ts";
import { Producer } from "../../../src/kafka/producer/producer.ts";
import { type Address, parseUrl } from "../../../src/kafka/connection/url.ts";
import type { Call } from "../../../src/wire/call.ts";
import { until } from "../../support/until.ts";
import { codeOf, keptLines, record } from "../support.ts";

const NODES = [1, 2].map((nodeId) => ({ nodeId, host: `node${nodeId}`, port: 9092, rack: null }));

const UNKNOWN_TOPIC_OR_PARTITION = 3;

/** A cluster whose metadata the test makes, and whose brokers write whatever they are sent. */
class FakeCluster extends Cluster {
  /** Which nodes live, and who leads the one partition of each topic. */
  nodes = [1, 2];
  leaders: { [topic: string]: number } = {};
  metadataRequests = 0;
  produceRequests = 0;
  /** What it says of a Produce whose bytes, as text, these are. */
  judge: (text: string) => number = () => 0;
  /** Topics that have been deleted. */
  readonly gone = new Set<string>();
  /** What the ids of topics end in: a topic that is made again has another one. */
  age = "";
  /** No Produce is answered before this. */
  gate: Promise<void> | undefined;

  constructor() {
    super(parseUrl("kafka://nobody:1", "test"), "test", systemTime);
  }

  override ask<T>(call: Call<T>): Promise<T> {
    return this.#answer(call.apiName) as Promise<T>;
  }

  override connection(address: Address): BrokerConnection {
    const connection = super.connection(address);
    connection.send = <T>(call: Call<unknown>) => this.#answer("Produce", call) as Promise<T>;
    return connection;
  }

  async #answer(what: string, call?: Call<unknown>): Promise<unknown> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const topics = Object.entries(this.leaders);
    switch (what) {
      case "InitProducerId":
        return { errorCode: 0, producerId: 1, producerEpoch: 0 };
      case "Produce":
        this.produceRequests++;
        await this.gate;
        return {
          topics: topics.map(([topic]) => {
            const errorCode = this.judge(new TextDecoder("latin1").decode(call?.encode()));
            return { topic, partitions: [{ partition: 0, errorCode, recordErrors: [], errorMessage: null }] };
          }),
        };
      default:
        this.metadataRequests++;
        return {
          brokers: NODES.filter(({ nodeId }) => this.nodes.includes(nodeId)),
          topics: topics.map(([name, leaderId]) => ({
            name,
            topicId: `${name}${this.age}`,
            errorCode: this.gone.has(name) ? UNKNOWN_TOPIC_OR_PARTITION : 0,
            partitions: this.gone.has(name) ? [] : [{ partition: 0, leaderId }],
          })),
        };
    }
  }
}

const producers: Producer[] = [];
after(() => {
  for (const producer of producers) producer.close();
});

function producerOf(cluster: Cluster, logger: Logger = silent, clock: Clock = systemTime): Producer {
  const producer = new Producer(cluster, { linger: 0, compression: undefined }, logger, clock);
  producers.push(producer);
  return producer;
}

test("a leader that has gone with its broker is looked for again, though the metadata was asked about others", async () => {
  const cluster = new FakeCluster();
  const producer = producerOf(cluster);
  cluster.leaders = { one: 1, two: 2 };
  await cluster.refresh(["one", "two"]);
  await producer.send(record("one", ""));
  cluster.nodes = [1];
  cluster.leaders = { one: 1 };
  await cluster.refresh(["one"]);
  cluster.leaders = { one: 1, two: 1 };
  await producer.send(record("two", ""));
  assert.equal(cluster.leader("two", 0), 1);
});

test("a partition that had no leader when its topic was asked for is sent to when it has one", async () => {
  const cluster = new FakeCluster();
  cluster.leaders = { one: -1 };
  await cluster.refresh(["one"]);
  const sent = producerOf(cluster).send(record("one", ""));
  await until(() => cluster.metadataRequests > 1);
  cluster.leaders = { one: 2 };
  await sent;
});

test("while a partition has no leader the brokers are not flooded with questions", async () => {
  const cluster = new FakeCluster();
  const producer = producerOf(cluster);
  cluster.leaders = { one: -1, two: 1 };
  await cluster.refresh(["one", "two"]);
  const before = cluster.metadataRequests;
  const sent = producer.send(record("one", ""));
  for (let i = 0; i < 100; i++) {
    await producer.send(record("two", ""));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const asked = cluster.metadataRequests - before;
  assert.ok(asked > 1 && asked < 40, `${asked} questions in a second`);
  cluster.leaders = { one: 1, two: 1 };
  await sent;
});

const POLICY_VIOLATION = 44;
const MESSAGE_TOO_LARGE = 10;

/** What becomes of messages that are sent together: the codes of their errors, or "". */
async function codesOf(cluster: FakeCluster, values: readonly string[]): Promise<string[]> {
  cluster.leaders = { one: 1 };
  await cluster.refresh(["one"]);
  const producer = producerOf(cluster);
  await producer.send(record("one", "first"));
  cluster.produceRequests = 0;
  return await Promise.all(values.map((value) => codeOf(producer.send(record("one", value)))));
}

test("of a batch that is refused without a name only the message that is to blame is refused", async () => {
  for (const [code, expected] of [[POLICY_VIOLATION, "MESSAGE_REFUSED"], [MESSAGE_TOO_LARGE, "MESSAGE_TOO_LARGE"]]) {
    const cluster = new FakeCluster();
    cluster.judge = (text) => text.includes("bad") ? Number(code) : 0;
    const values = Array.from({ length: 100 }, (_, n) => n === 0 || n === 42 ? "bad" : "good");
    assert.deepEqual(await codesOf(cluster, values), values.map((value) => value === "bad" ? expected : ""));
    assert.ok(cluster.produceRequests < 40, `${cluster.produceRequests} requests`);
  }
});

test("a broker that refuses everything is not asked for each message", async () => {
  const cluster = new FakeCluster();
  cluster.judge = (text) => text.includes("bad") ? POLICY_VIOLATION : 0;
  const values = new Array<string>(2000).fill("bad");
  assert.deepEqual(await codesOf(cluster, values), values.map(() => "MESSAGE_REFUSED"));
  assert.ok(cluster.produceRequests < 100, `${cluster.produceRequests} requests`);
});

for (const where of ["leader", "connection"] as const) {
  test(`a fault of ours while messages are sent is told, and they go all the same (${where})`, async () => {
    const cluster = new FakeCluster();
    const logger = keptLines();
    const producer = producerOf(cluster, logger);
    cluster.leaders = { one: 1, two: 2 };
    await cluster.refresh(["one", "two"]);
    await producer.send(record("one", ""));
    const real = cluster[where].bind(cluster) as (...args: unknown[]) => unknown;
    let calls = 0;
    Object.assign(cluster, {
      [where](...args: unknown[]) {
        if (calls++ === 0) throw new TypeError("undefined is not a function");
        return real(...args);
      },
    });
    const sent = ["two", "one"].map((topic) => codeOf(producer.send(record(topic, ""))));
    assert.deepEqual(await Promise.all(sent), ["", ""]);
    assert.deepEqual(logger.warnings().length, 1);
    assert.match(
      logger.warnings()[0] ?? "",
      /^Sending to (one|two)\[0\] has failed, which is a fault of Mephisto: undefined/,
    );
  });
}

test("a fault of ours in what is made of an answer fails the messages that it is about", async () => {
  const cluster = new FakeCluster();
  const logger = keptLines();
  const producer = producerOf(cluster, logger);
  cluster.leaders = { one: 1, two: 1 };
  await cluster.refresh(["one", "two"]);
  await producer.send(record("one", "first"));
  cluster.judge = (text) => text.includes("bad") ? POLICY_VIOLATION : 0;
  const unpack = Batch.prototype.unpack;
  Batch.prototype.unpack = () => {
    throw new TypeError("undefined is not a function");
  };
  try {
    const sent = ["bad", "good"].map((value) => codeOf(producer.send(record("one", value))));
    assert.deepEqual(await Promise.all(sent), ["INTERNAL", "INTERNAL"]);
  } finally {
    Batch.prototype.unpack = unpack;
  }
  await producer.send(record("one", "next"));
  assert.match(logger.warnings()[0] ?? "", /^Sending to one\[0\] has failed, which is a fault of Mephisto: undefined/);
});

test("what waited for room when its topic went is sent before what came while it was away", async () => {
  const cluster = new FakeCluster();
  cluster.leaders = { one: 1 };
  await cluster.refresh(["one"]);
  const producer = producerOf(cluster);
  await producer.send(record("one", "first"));
  const written: string[] = [];
  cluster.judge = (text) => {
    written.push(...text.match(/early|late/g) ?? []);
    return 0;
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  cluster.gate = promise;
  const large = "x".repeat(1 << 20);
  const sent = Array.from({ length: 33 }, () => producer.send(record("one", large))); // more than there is room for
  sent.push(producer.send(record("one", "early")));
  await until(() => cluster.produceRequests > 1);
  cluster.gone.add("one");
  await cluster.refresh(["one"]);
  sent.push(producer.send(record("one", "late")));
  resolve();
  await until(() => cluster.metadataRequests > 4); // it is looked for, and what was in flight has been answered
  cluster.gone.clear();
  await Promise.all([...sent, producer.flush()]);
  assert.deepEqual(written, ["early", "late"]);
});

test("a broker that is lost is told after 0.9 s, once a minute, and when it is back", async () => {
  const cluster = new FakeCluster();
  cluster.leaders = { one: 1 };
  const logger = keptLines();
  let skippedMs = 0;
  const producer = producerOf(cluster, logger, { ...systemTime, monotonic: () => performance.now() + skippedMs });
  await producer.send(record("one", "first"));
  /** Which time passes before an attempt fails, and the lines that there are then: of the one that follows. */
  const passing = [0, 1000, 30_000, 31_000];
  const told: number[] = [];
  cluster.judge = () => {
    told.push(logger.warnings().length);
    const ms = passing.shift();
    if (ms === undefined) return 0;
    skippedMs += ms;
    throw new MephistoError("UNREACHABLE", "No broker answers at node1:9092.");
  };
  await producer.send(record("one", "second"));
  assert.deepEqual(told, [0, 0, 1, 1, 2]);
  const [first = "", again = ""] = logger.warnings();
  assert.equal(first, "Messages wait to be sent. No broker answers at node1:9092. Trying again until it works.");
  assert.match(again, /node1:9092\. This has lasted for 6\d s\. Trying again until it works\.$/);
  const infos = logger.lines.filter(({ level }) => level === "info").map(({ message }) => message);
  assert.match(infos.join("\n"), /^Messages are sent again after 6\d s\.$/);
});

test("to a topic that was made again one batch goes at a time until one is written", async () => {
  const cluster = new FakeCluster();
  cluster.leaders = { one: 1 };
  await cluster.refresh(["one"]);
  const producer = producerOf(cluster);
  const large = "x".repeat(1 << 20); // each goes alone
  /** How many requests are under way before one is answered, at the most. */
  const together = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    cluster.gate = promise;
    cluster.produceRequests = 0;
    const sent = [1, 2, 3, 4].map(() => producer.send(record("one", large)));
    await until(() => cluster.produceRequests > 0);
    for (let turn = 0; turn < 20; turn++) await cluster.refresh(["one"]);
    const requests = cluster.produceRequests;
    resolve();
    await Promise.all(sent);
    return requests;
  };
  await producer.send(record("one", "first"));
  assert.ok(await together() > 1);
  cluster.age = ", made again";
  await cluster.refresh(["one"]);
  assert.equal(await together(), 1);
  assert.ok(await together() > 1);
});
