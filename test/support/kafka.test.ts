import type { SASLOptions } from "kafkajs";
import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, createTopic, endOffsets, produce, quietKafka, readTopic } from "./independent.ts";
import { kafkaSkip, startKafka } from "./kafka.ts";

test(
  "a broker keeps its data over restarts, and a cut proxy hides it",
  { skip: kafkaSkip, timeout: 60_000 },
  async () => {
    const kafka = await startKafka({ proxies: 1 });
    try {
      await createTopic(kafka.brokers, "words", { partitions: 2 });
      await produce(kafka.brokers, "words", [{ value: "one" }, { key: "k", value: "two", headers: { h: "x" } }]);
      await kafka.restart({ hard: true });
      const messages = await readTopic(kafka.brokers, "words");
      assert.deepEqual(messages.map((message) => message.value?.toString()).sort(), ["one", "two"]);

      const [proxy] = kafka.proxies;
      assert.ok(proxy);
      const behind = [`127.0.0.1:${proxy.port}`];
      assert.equal((await readTopic(behind, "words")).length, 2);
      // More than the bootstrap went through it: the broker advertises the proxy to those who come that way.
      assert.ok(proxy.bytes().received > 500, `${proxy.bytes().received} bytes`);
      await proxy.cut();
      assert.equal(await answers(behind), false);
      assert.equal(await answers(kafka.brokers), true);
      await proxy.heal();
      assert.equal(await answers(behind), true);
    } finally {
      await kafka.stop();
    }
    assert.equal(await answers(kafka.brokers), false);
  },
);

test(
  "aborted and open transactions are left out of committed reads",
  { skip: kafkaSkip, timeout: 60_000 },
  async () => {
    const kafka = await startKafka();
    try {
      await createTopic(kafka.brokers, "sums");
      const producer = quietKafka(kafka.brokers).producer({
        transactionalId: "t",
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await producer.connect();
      const send = async (value: string) => {
        const transaction = await producer.transaction();
        await transaction.send({ topic: "sums", messages: [{ value, partition: 0 }] });
        return transaction;
      };
      const read = async (readCommitted: boolean) =>
        (await readTopic(kafka.brokers, "sums", { readCommitted })).map((message) => message.value?.toString());
      await (await send("aborted")).abort();
      await (await send("committed")).commit();
      const open = await send("open");
      assert.deepEqual(await read(true), ["committed"]);
      assert.deepEqual(await read(false), ["aborted", "committed", "open"]);
      await open.commit();
      assert.deepEqual(await read(true), ["committed", "open"]);
      assert.deepEqual(await endOffsets(kafka.brokers, "sums"), [6n]);
      await producer.disconnect();
    } finally {
      await kafka.stop();
    }
  },
);

test("the secure listener takes the right password only", { skip: kafkaSkip, timeout: 60_000 }, async () => {
  const kafka = await startKafka({ secure: true });
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
  try {
    for (const mechanism of ["plain", "scram-sha-512"] as const) {
      assert.equal(await connect(mechanism, kafka.password, [kafka.caPem]), 1);
      await assert.rejects(connect(mechanism, "wrong", [kafka.caPem]), /SASL|authentication/i);
    }
    await assert.rejects(connect("plain", kafka.password, []), /certificate|UnknownIssuer|issuer/i);
  } finally {
    await kafka.stop();
  }
});
