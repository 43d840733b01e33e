// kafkajs with 1,000 messages a request, acknowledged by all replicas; as many requests at a time as it likes to have.
import process from "node:process";
import kafkajs from "kafkajs";
import { given, measured, rate } from "./given.ts";

const kafka = new kafkajs.Kafka({ brokers: given.brokers, logLevel: kafkajs.logLevel.NOTHING });
const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
await producer.connect();
const value = Buffer.alloc(100, "x");
const messages = Array.from({ length: 1000 }, () => ({ value }));
await producer.send({ topic: given.topic, messages: [{ value }] });
const from = performance.now();
for (let sent = 0; sent < given.messages; sent += 4000) {
  await Promise.all([0, 1, 2, 3].map(() => producer.send({ topic: given.topic, messages, acks: -1 })));
}
measured({ rate: rate(given.messages, from) });
process.exit(0);
