import type { SASLOptions } from "kafkajs";
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { answers, createTopic, endOffsets, produce, quietKafka, readTopic } from "./kafkajs-oracle.ts";
import { kafkaSkip, startKafka } from "./kafka.ts";
import { until } from "./until.ts";

const options = { skip: kafkaSkip, timeout: 60_000 };
let started: ReturnType<typeof start> | undefined;
const start = () => startKafka({ secure: true, proxies: 1 });
const broker = () => started ??= start();
after(async () => await (await started)?.stop());

test("the secure listener takes the right password only", options, async () => {
  const kafka = await broker();
  const connect = async (mechanism: "plain" | "scram-sha-512", password: string, ca: string[]) => {
    const user = { username: kafka.user, password };
    const sasl: SASLOptions = mechanism === "plain" ? { mechanism, ...user } : { mechanism, ...user };
    const admin = quietKafka([kafka.secureUrl], { ssl: { ca }, sasl, retry: { retries: 0 } }).admin();
    try {
      await admin.connect();
      return (await admin.describeCluster()).brokers.length;
    } finally {
      await admin.disconnect();
    }
  };
  for (const mechanism of ["plain", "scram-sha-512"] as const) {
    assert.equal(await connect(mechanism, kafka.password, [kafka.caPem]), 1);
    await assert.rejects(connect(mechanism, "wrong", [kafka.caPem]), /SASL|authentication/i);
  }
  await assert.rejects(connect("plain", kafka.password, []), /certificate|issuer/i);
});

test("aborted and open transactions are left out of committed reads", options, async () => {
  const { brokers } = await broker();
  await createTopic(brokers, "sums");
  const producer = quietKafka(brokers).producer({ transactionalId: "t", idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const send = async (value: string) => {
    const transaction = await producer.transaction();
    await transaction.send({ topic: "sums", messages: [{ value, partition: 0 }] });
    return transaction;
  };
  const read = async (readCommitted: boolean) =>
    (await readTopic(brokers, "sums", { readCommitted })).map((message) => message.value?.toString());
  await (await send("aborted")).abort();
  await (await send("committed")).commit();
  const open = await send("open");
  assert.deepEqual(await read(true), ["committed"]);
  assert.deepEqual(await read(false), ["aborted", "committed", "open"]);
  await open.commit();
  // Kafka answers before the marks of the transaction's end are written.
  await until(async () => (await read(true)).length === 2);
  assert.deepEqual(await read(true), ["committed", "open"]);
  // Each transaction's end takes an offset too.
  assert.deepEqual(await endOffsets(brokers, "sums"), [6n]);
  await producer.disconnect();
});

test("a proxy sees all of its clients' connections and cuts them", options, async () => {
  const { brokers, proxies: [proxy] } = await broker();
  assert.ok(proxy);
  const behind = [`127.0.0.1:${proxy.port}`];
  await createTopic(brokers, "behind");
  await produce(behind, "behind", [{ value: "x".repeat(10_000) }]);
  // The message did not go around it: the broker advertises the proxy to those who come through it.
  assert.ok(proxy.bytes().sent > 10_000, `${proxy.bytes().sent} bytes`);
  await proxy.cut();
  assert.equal(await answers(behind), false);
  assert.equal(await answers(brokers), true);
  await proxy.heal();
  assert.equal(await answers(behind), true);
});

test("a broker keeps its data when it is killed, and answers no more once it is stopped", options, async () => {
  const kafka = await broker();
  await createTopic(kafka.brokers, "words", { partitions: 2 });
  await produce(kafka.brokers, "words", [{ value: "one" }, { key: "k", value: "two", headers: { h: "x" } }]);
  await kafka.restart({ hard: true });
  const messages = await readTopic(kafka.brokers, "words");
  assert.deepEqual(messages.map((message) => message.value?.toString()).sort(), ["one", "two"]);
  kafka.pause();
  assert.equal(await answers(kafka.brokers), false);
  kafka.resume();
  await until(() => answers(kafka.brokers));
  await kafka.stop();
  assert.equal(await answers(kafka.brokers), false);
});
