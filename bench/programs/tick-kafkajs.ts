// A bare transaction of kafkajs with two messages in two topics, as a tick with one send has: the median in milliseconds.
import process from "node:process";
import kafkajs from "kafkajs";
import { given, measured } from "./given.ts";
import { latency } from "./latency.ts";

const kafka = new kafkajs.Kafka({ brokers: given.brokers, logLevel: kafkajs.logLevel.NOTHING });
const producer = kafka.producer({
  transactionalId: given.group,
  maxInFlightRequests: 1,
  idempotent: true,
  createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
});
await producer.connect();
const value = Buffer.alloc(given.size, "x");
measured(
  await latency(given.messages, async () => {
    const transaction = await producer.transaction();
    await transaction.sendBatch({
      topicMessages: [
        { topic: given.topic, messages: [{ value, partition: 0 }] },
        { topic: `${given.topic}-journal`, messages: [{ value, partition: 0 }] },
      ],
    });
    await transaction.commit();
  }, 50),
);
process.exit(0);
