// kafkajs's fastest way of reading, eachBatch, offsets committed as always.
import process from "node:process";
import kafkajs from "kafkajs";
import { given, measured, rate } from "./given.ts";

const kafka = new kafkajs.Kafka({ brokers: given.brokers, logLevel: kafkajs.logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: given.group });
const { promise, resolve } = Promise.withResolvers<void>();
let count = 0;
let from = 0;
let bytes = 0;
await consumer.connect();
await consumer.subscribe({ topic: given.topic, fromBeginning: true });
await consumer.run({
  eachBatch: ({ batch }) => {
    if (count === 0) from = performance.now();
    for (const { value } of batch.messages) bytes += value?.length ?? 0;
    count += batch.messages.length;
    if (count >= given.messages) resolve();
    return Promise.resolve();
  },
});
await promise;
measured({ rate: rate(count, from), bytes });
process.exit(0);
