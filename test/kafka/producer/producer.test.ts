import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, describe, test } from "node:test";
import kafkajs from "kafkajs";
import { codecs } from "../../../src/compression/compression.ts";
import { decodeRecords } from "../../../src/wire/records.ts";
import { fetch } from "../../../src/wire/requests/01-fetch.ts";
import type { CodecName } from "../../../src/wire/codec.ts";
import { createTopic, endOffsets, produce, readTopic, type StoredMessage } from "../../support/kafkajs-oracle.ts";
import { type KafkaAddress, kafkaForTests, type KafkaServer, startBehindProxy } from "../../support/kafka.ts";
import type { Proxy } from "../../support/proxy.ts";
import { until } from "../../support/until.ts";
import { bytes, closeAll, codeOf, producerAt, record, unique } from "../support.ts";

const options = { timeout: 120_000 };
const texts = (messages: readonly StoredMessage[]) => messages.map(({ value }) => value?.toString() ?? "");
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("a producer", options, () => {
  let kafka: KafkaAddress;
  before(async () => {
    kafka = await kafkaForTests();
  });
  after(closeAll);
  const topicOf = async (name: string, partitions = 1, config: Record<string, string> = {}) => {
    const topic = unique(name);
    await createTopic(kafka.brokers, topic, { partitions, config });
    return topic;
  };

  test("keeps a promise for each message, and the order of a key's", async () => {
    const topic = await topicOf("order", 4);
    const { producer } = producerAt(kafka.url);
    const sent = numbers(5000).map((n) => producer.send(record(topic, String(n), `key ${n % 20}`)));
    assert.deepEqual(await Promise.all(sent), sent.map(() => undefined));
    const stored = await readTopic(kafka.brokers, topic);
    assert.equal(stored.length, 5000);
    const byKey = Map.groupBy(stored, ({ key }) => String(key));
    assert.equal(byKey.size, 20);
    for (const [key, messages] of byKey) {
      const expected = numbers(250).map((n) => String(20 * n + Number(key.split(" ")[1])));
      assert.deepEqual(texts(messages), expected, key);
    }
  });

  test("sends keys to the partitions of Kafka's own clients, and messages without a key to all in turn", async () => {
    const [ours, theirs] = [await topicOf("keys", 7), await topicOf("keys", 7)];
    const keys = ["", "a", "é", "🌙", ...numbers(300).map((n) => `key ${n} ${"x".repeat(n % 9)}`)];
    const { producer } = producerAt(kafka.url);
    await Promise.all(keys.map((key) => producer.send(record(ours, "", key))));
    await produce(kafka.brokers, theirs, keys.map((key) => ({ key, value: "" })));
    const places = async (topic: string) =>
      (await readTopic(kafka.brokers, topic)).map(({ key, partition }) => `${key}: ${partition}`).sort();
    assert.deepEqual(await places(ours), await places(theirs));

    const keyless = await topicOf("keyless", 7);
    await Promise.all(numbers(700).map((n) => producer.send(record(keyless, String(n)))));
    assert.deepEqual(await endOffsets(kafka.brokers, keyless), new Array(7).fill(100n));
  });

  test("keeps key, value, headers and timestamp as they are, also where they are null or empty", async () => {
    const topic = await topicOf("whole");
    const { producer } = producerAt(kafka.url);
    const headers = [["a", bytes("1")], ["a", bytes("2")], ["é", bytes("")]] as const;
    await producer.send({ topic, key: null, value: null, headers: [], timestamp: 1 });
    await producer.send({ topic, key: bytes(""), value: bytes(""), headers, timestamp: 1_700_000_000_123 });
    const [empty, whole] = await readTopic(kafka.brokers, topic);
    assert.deepEqual([empty?.key, empty?.value, empty?.timestamp, empty?.headers], [null, null, 1, {}]);
    assert.deepEqual([whole?.key, whole?.value, whole?.timestamp], [Buffer.of(), Buffer.of(), 1_700_000_000_123]);
    assert.deepEqual(whole?.headers, { a: [Buffer.from("1"), Buffer.from("2")], "é": Buffer.of() });
  });

  for (const compression of ["gzip", "snappy", "lz4", "zstd"] as const satisfies CodecName[]) {
    test(`packs messages with ${compression}`, async () => {
      const topic = await topicOf(compression);
      const { producer, cluster } = producerAt(kafka.url, { compression, linger: 20 });
      const values = numbers(2000).map((n) => `${n} ${"all the same ".repeat(10)}`);
      await Promise.all(values.map((value) => producer.send(record(topic, value))));
      // kafkajs reads gzip only. That the others are as Kafka wants them is known by the broker's having taken them: it
      // unpacks every batch to check it.
      if (compression === "gzip") assert.deepEqual(texts(await readTopic(kafka.brokers, topic)), values);
      const { topicId, leaders: [leader = -1] } = await cluster.known(topic);
      const answer = await cluster.sharedConnection(cluster.node(leader)).send(fetch({
        maxWaitMs: 1000,
        minBytes: 1,
        maxBytes: 8 << 20,
        isolationLevel: "read_committed",
        topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: 0, maxBytes: 8 << 20 }] }],
      }));
      const stored = answer.topics[0]?.partitions[0]?.records ?? new Uint8Array();
      const { records, error } = decodeRecords(stored, { from: 0, codecs });
      assert.equal(error, undefined);
      assert.deepEqual(records.map(({ value }) => String(value && Buffer.from(value))), values);
      assert.ok(stored.length < 100_000, `${stored.length} bytes are stored`);
    });
  }

  test("waits for company for as long as `linger` says, and not at all when flushed", async () => {
    const topic = await topicOf("linger");
    const { producer } = producerAt(kafka.url, { linger: 200 });
    await producer.send(record(topic, "first")); // the topic is known, and who we are
    const start = performance.now();
    await producer.send(record(topic, "alone"));
    assert.ok(performance.now() - start > 180, "it did not linger");
    const { producer: patient } = producerAt(kafka.url, { linger: 40_000 });
    const hurried = patient.send(record(topic, "hurried"));
    const flushed = performance.now();
    await Promise.all([patient.flush(), hurried]);
    assert.ok(performance.now() - flushed < 20_000, "flush waited for the linger");
  });

  test("flushes when all that was sent has been acknowledged", async () => {
    const topic = await topicOf("flush", 3);
    const { producer } = producerAt(kafka.url);
    await producer.flush();
    for (const n of numbers(1000)) void producer.send(record(topic, String(n)));
    await producer.flush();
    assert.equal((await readTopic(kafka.brokers, topic)).length, 1000);
  });

  test("refuses a topic that does not exist, and goes on with others", async () => {
    const topic = await topicOf("known");
    const { producer } = producerAt(kafka.url);
    const [missing, present] = [producer.send(record(unique("missing"), "x")), producer.send(record(topic, "x"))];
    await assert.rejects(missing, { code: "UNKNOWN_TOPIC", message: /There is no topic missing-/ });
    await present;
  });

  test("refuses the one message that is too large, and writes its neighbours once and in order", async () => {
    const topic = await topicOf("large", 1, { "max.message.bytes": "100000" });
    const { producer } = producerAt(kafka.url);
    await producer.send(record(topic, "first"));
    const size = (n: number) => n % 100 === 50 ? 150_000 : 1000;
    const sent = numbers(1000).map((n) => codeOf(producer.send(record(topic, `${n}`.padEnd(size(n), "."))))); // 25 MB
    const codes = await Promise.all(sent);
    assert.deepEqual(codes.filter((code) => code !== ""), new Array(10).fill("MESSAGE_TOO_LARGE"));
    const stored = texts(await readTopic(kafka.brokers, topic)).map((text) => text.replace(/\.+$/, ""));
    assert.deepEqual(stored, ["first", ...numbers(1000).filter((n) => n % 100 !== 50).map(String)]);
    // The accounts of the buffer are in order: a flush still waits for what is sent next.
    const [end = 0n] = await endOffsets(kafka.brokers, topic);
    void producer.send(record(topic, "last"));
    await producer.flush();
    assert.deepEqual(await endOffsets(kafka.brokers, topic), [end + 1n]);
  });

  test("refuses at once what no broker takes", async () => {
    const topic = await topicOf("huge");
    const { producer } = producerAt(kafka.url);
    const huge = { topic, key: null, value: new Uint8Array(65 << 20), headers: [], timestamp: 0 };
    assert.equal(await codeOf(producer.send(huge)), "MESSAGE_TOO_LARGE");
  });

  test("a send waits while the buffer is full; far too many are refused, and nothing else is lost", async () => {
    const topic = await topicOf("full", 2);
    const { producer } = producerAt(kafka.url);
    await producer.send(record(topic, "first"));
    const value = bytes("x".repeat(100_000));
    const sent = numbers(2000).map((n) => ({ topic, key: bytes(String(n)), value, headers: [], timestamp: n })); // 200 MB
    const codes = await Promise.all(sent.map((each) => codeOf(producer.send(each))));
    const refused = codes.filter((code) => code !== "");
    assert.deepEqual([...new Set(refused)], ["BUFFER_FULL"]);
    assert.ok(refused.length > 300 && refused.length < 700, `${refused.length} refused`);
    assert.equal(codes.lastIndexOf(""), 2000 - refused.length - 1, "of those that came first none is refused");
    const ends = await endOffsets(kafka.brokers, topic);
    assert.equal(ends.reduce((sum, end) => sum + end, 0n), BigInt(2000 - refused.length + 1));
    await producer.send(record(topic, "there is room again"));
  });

  test("fails what is pending when it is closed, and what comes later", async () => {
    const [topic, unasked] = [await topicOf("closed", 2), await topicOf("unasked")];
    const { producer } = producerAt(kafka.url);
    await producer.send(record(topic, "first"));
    const value = "x".repeat(100_000);
    const pending = numbers(600).map((n) => codeOf(producer.send(record(topic, value, String(n))))); // 60 MB
    const unknown = codeOf(producer.send(record(unasked, "x")));
    producer.close();
    const codes = new Set(await Promise.all(pending));
    codes.delete(""); // some may have been acknowledged before
    assert.deepEqual([...codes], ["STOPPED"]);
    assert.equal(await unknown, "STOPPED");
    assert.equal(await codeOf(producer.send(record(topic, "late"))), "STOPPED");
    await producer.flush();
  });
});

describe("a producer whose broker comes and goes", options, () => {
  let kafka: KafkaServer;
  let proxy: Proxy;
  before(async () => {
    ({ kafka, proxy } = await startBehindProxy());
  });
  after(async () => {
    closeAll();
    await kafka.stop();
  });

  /** All messages of each partition are there once, in the order in which they were sent. */
  const isWhole = async (topic: string, count: number, partitions: number) => {
    const stored = await readTopic(kafka.brokers, topic);
    const byPartition = Map.groupBy(stored, ({ partition }) => partition);
    for (const [partition, messages] of byPartition) {
      const found = texts(messages).map(Number);
      assert.deepEqual(found, found.toSorted((a, b) => a - b), `partition ${partition} is out of order`);
      assert.equal(new Set(found).size, found.length, `partition ${partition} has duplicates`);
    }
    assert.equal(stored.length, count);
    assert.equal(byPartition.size, partitions);
  };

  test("neither duplicates nor reorders when its connections are cut", async () => {
    const topic = unique("cut");
    await createTopic(kafka.brokers, topic, { partitions: 3 });
    const { producer } = producerAt(proxy.url);
    await producer.send(record(topic, "-1"));
    let sent = 0;
    let acknowledged = 0;
    let cuts = 0;
    let over = false;
    const cutting = (async () => {
      for (; cuts < 12; cuts++) {
        const goal = sent + 400;
        await until(() => sent > goal, { every: 1 });
        await proxy.cut();
        await proxy.heal();
      }
      over = true;
    })();
    const promises: Promise<unknown>[] = [];
    while (!over) {
      for (let n = 0; n < 50; n++) {
        promises.push(producer.send(record(topic, String(sent++))).then(() => acknowledged++));
      }
      await Promise.race([producer.flush(), new Promise((resolve) => setTimeout(resolve, 5))]);
    }
    await Promise.all([cutting, ...promises]);
    assert.equal(acknowledged, sent);
    await isWhole(topic, sent + 1, 3);
  });

  test("does not duplicate what was written when the answer is lost", async () => {
    const topic = unique("swallowed");
    await createTopic(kafka.brokers, topic, { partitions: 2 });
    const { producer } = producerAt(proxy.url);
    await Promise.all([producer.send(record(topic, "0")), producer.send(record(topic, "1"))]);
    let sent = 2;
    for (let round = 0; round < 5; round++) {
      proxy.alter(() => undefined);
      const ends = await endOffsets(kafka.brokers, topic);
      const promises = numbers(100).map(() => producer.send(record(topic, String(sent++))));
      await until(async () => (await endOffsets(kafka.brokers, topic)).every((end, at) => end > (ends[at] ?? 0n)));
      await proxy.cut();
      await proxy.heal();
      await Promise.all(promises);
    }
    await isWhole(topic, sent, 2);
  });

  test("loses and duplicates nothing when the broker is started again", async () => {
    const topic = unique("restart");
    await createTopic(kafka.brokers, topic, { partitions: 3 });
    const { producer } = producerAt(kafka.url);
    let sent = 0;
    let over = false;
    const promises: Promise<void>[] = [];
    const sending = (async () => {
      while (!over) {
        for (let n = 0; n < 20; n++) promises.push(producer.send(record(topic, String(sent++))));
        // More of them would only keep the machine busy that the broker starts on.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    await until(() => sent > 1000);
    await kafka.restart();
    const goal = sent + 1000;
    await until(() => sent > goal);
    over = true;
    await sending;
    await Promise.all(promises);
    await isWhole(topic, sent, 3);
  });
});

test("the independent client's partitioner is the one of Kafka's own clients", () => {
  // Two of the examples in UtilsTest of Kafka itself: what the tests above compare with is right.
  const partitioner = kafkajs.Partitioners.DefaultPartitioner();
  const partitionMetadata = numbers(1000).map((partitionId) => ({
    partitionId,
    leader: 1,
    partitionErrorCode: 0,
    replicas: [],
    isr: [],
  }));
  const partitionOf = (key: string) => partitioner({ topic: "t", partitionMetadata, message: { key, value: "" } });
  assert.equal(partitionOf("21"), (-973932308 & 0x7fffffff) % 1000);
  assert.equal(partitionOf("foobar"), (-790332482 & 0x7fffffff) % 1000);
});
