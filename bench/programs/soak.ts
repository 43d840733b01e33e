// A part of what a long life of the dev broker is made of: workers that come and go, offsets, transactions, topics.
import process from "node:process";
import kafkajs from "kafkajs";
import { actor, app } from "mephisto";
import { given, measured } from "./given.ts";

const TOGETHER = 4000;
/** A transaction, and a worker that comes and goes, for so many messages. */
const BETWEEN = 40_000;
const GROUP = "soak";

/** A worker of the group; `seen` is called for each message. */
function worker(seen: () => void) {
  const made = app(GROUP, { url: given.url, valueSerializer: "raw" });
  const target = actor(made, { topic: given.topic }, async function soak(messages) {
    for await (const _ of messages) seen();
  });
  return { made, send: target.send };
}

let count = 0;
const { made, send } = worker(() => count++);
await made.start();

const kafka = new kafkajs.Kafka({ brokers: given.brokers, logLevel: kafkajs.logLevel.NOTHING });
const admin = kafka.admin();
const producer = kafka.producer({
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  transactionalId: `${GROUP}-${given.group}`,
  idempotent: true,
  maxInFlightRequests: 1,
});
await Promise.all([admin.connect(), producer.connect()]);

/** Writes, and takes offsets along; every other one is aborted. */
async function transaction(number: number): Promise<void> {
  const begun = await producer.transaction();
  await begun.send({ topic: given.topic, messages: [{ value: "in a transaction" }] });
  const partitions = [{ partition: 0, offset: String(number) }];
  await begun.sendOffsets({ consumerGroupId: `${GROUP}-offsets`, topics: [{ topic: given.topic, partitions }] });
  if (number % 2 === 0) await begun.commit();
  else await begun.abort();
}

/** A worker that joins and leaves, and a topic that is there for a while. */
async function visit(number: number): Promise<void> {
  const topic = `${given.group}-${number}`;
  await admin.createTopics({ topics: [{ topic, numPartitions: 4, replicationFactor: 1 }], waitForLeaders: true });
  const visitor = worker(() => count++);
  await visitor.send({ value: new Uint8Array(given.size) });
  await visitor.made.start();
  await visitor.made.stop();
  await admin.deleteTopics({ topics: [topic] });
}

const value = new Uint8Array(given.size).fill(120);
for (let sent = 0, number = 0; sent < given.messages; sent += TOGETHER) {
  const others = sent % BETWEEN === 0 ? [transaction(++number), visit(number)] : [];
  await Promise.all([...Array.from({ length: TOGETHER }, () => send({ value })), ...others]);
}
measured({ count });
await Promise.all([made.stop(), admin.disconnect(), producer.disconnect()]);
process.exit(0);
