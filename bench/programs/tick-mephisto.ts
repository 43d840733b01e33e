// A tick with one send, from begin to commit: what the master publishes through, with its journal entry.
import process from "node:process";
import { systemTime } from "../../src/core/delay.ts";
import { silent } from "../../src/core/logger.ts";
import { KafkaDriver } from "../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../src/kafka/connection/url.ts";
import { given, measured } from "./given.ts";
import { latency } from "./latency.ts";

const options = { linger: 0, compression: undefined };
const driver = new KafkaDriver(parseUrl(given.url, "BENCH", {}), given.group, options, silent, systemTime);
await driver.connect();
const journal = `${given.group}-master`;
const { id } = await driver.master.ensureJournal({ topic: journal, replicationFactor: -1 });
const always = () => true;
const fence = { transactionalId: `${given.group}.master`, journal, journalId: id, transactionTimeout: 6000 };
const publisher = await driver.master.fence(fence, always);
await publisher.read(always);
const value = new Uint8Array(given.size).fill(120);
const record = { topic: given.topic, key: null, value, headers: [], timestamp: Date.now() };
const transaction = { records: [record], journal: [{ key: "timer", value }] };
measured(await latency(given.messages, () => publisher.publish(transaction, always), 50));
process.exit(0);
