// kafkajs's own `send` of one message, awaited one at a time: the median in milliseconds.
import process from "node:process";
import kafkajs from "kafkajs";
import { given, measured } from "./given.ts";
import { latency } from "./latency.ts";

const kafka = new kafkajs.Kafka({ brokers: given.brokers, logLevel: kafkajs.logLevel.NOTHING });
const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
await producer.connect();
const value = Buffer.alloc(100, "x");
measured(await latency(given.messages, () => producer.send({ topic: given.topic, messages: [{ value }] })));
process.exit(0);
