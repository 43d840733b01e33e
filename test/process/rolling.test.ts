import assert from "node:assert/strict";
import { test } from "node:test";
import kafkajs from "kafkajs";
import { kafkaForTests } from "../support/kafka.ts";
import { quietKafka } from "../support/kafkajs-oracle.ts";
import { until } from "../support/until.ts";
import { allCommitted, greetedOnce, handledOnce, onceASlot } from "./checks.ts";
import { clusterOf } from "./cluster.ts";

const KEYS = 40;

test("a rolling restart under load: every message is handled, none twice, the order of a key is kept", {
  timeout: 120_000,
}, async (t) => {
  const kafka = await kafkaForTests();
  const cluster = clusterOf(kafka, "rolling");
  t.after(() => cluster.end());
  const old = (["bun", "deno", "node"] as const).map((runtime) => cluster.start(runtime));
  await cluster.settled();

  const producer = quietKafka(kafka.brokers).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const ids: string[] = [];
  let going = true;
  t.after(() => {
    going = false;
    return producer.disconnect();
  });
  const load = (async () => {
    while (going) {
      const messages = Array.from({ length: 20 }, () => {
        const id = String(ids.length);
        ids.push(id);
        return { key: `key-${Number(id) % KEYS}`, value: JSON.stringify({ id }) };
      });
      await producer.send({ topic: cluster.topic("work"), messages, acks: -1 });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  load.catch(() => {}); // it is waited for below
  for (const [index, runtime] of (["node", "bun", "deno"] as const).entries()) {
    const leaving = old[index];
    assert.ok(leaving);
    leaving.kill("SIGTERM");
    cluster.start(runtime);
    assert.deepEqual(await leaving.exit, { code: 0, signal: null }, leaving.output());
    await cluster.settled();
  }
  await until(() => ids.length > 3000, { within: 20_000 });
  going = false;
  await load;

  await handledOnce(cluster, ids);
  const stored = await cluster.stored("work");
  assert.equal(stored.length, ids.length);
  for (const [key, handled] of Map.groupBy(cluster.events("handled"), ({ key }) => key)) {
    // Their numbers grow as they were sent; equal times of two workers are told apart by the offset.
    const order = handled.sort((a, b) => a.at - b.at || a.offset - b.offset).map(({ id }) => Number(id));
    assert.deepEqual(order, order.toSorted((a, b) => a - b), `order of ${key}`);
  }
  onceASlot(await cluster.ticks(), 500);
  await greetedOnce(cluster);
  await allCommitted(cluster, kafka.brokers);
});
