import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answers, createTopic, produce, quietKafka, readTopic } from "./kafkajs-oracle.ts";
import { launchBroker, startFlags } from "./kafka-process.ts";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

/**
 * Records the classes that a broker loads as it starts, and when it is first asked for what most tests want. Harmless
 * when the JVM is another one later: it is ignored then.
 *
 * @param formatted a folder with an empty log, which is left as it is
 * @param archive the file to be written
 */
export async function archiveClasses(classPath: string, formatted: string, archive: string): Promise<void> {
  const run = await mkdtemp(join(tmpdir(), "mephisto-kafka-"));
  const [port = 0, controllerPort = 0] = await freePorts(2);
  await cp(formatted, join(run, "data"), { recursive: true });
  await writeFile(
    join(run, "server.properties"),
    minimalProperties(join(run, "data"), port, controllerPort) +
      Object.entries(single).map(([key, value]) => `${key}=${value}\n`).join(""),
  );
  const broker = launchBroker(classPath, run, [...startFlags, `-XX:ArchiveClassesAtExit=${archive}`]);
  try {
    const brokers = [`127.0.0.1:${port}`];
    await until(async () => broker.hasExited() || await answers(brokers), { within: 60_000 });
    if (broker.hasExited()) throw new Error(`Kafka does not start:\n${broker.log()}`);
    await use(brokers);
    broker.signal("SIGTERM");
    await broker.exit();
  } finally {
    broker.signal("SIGKILL");
    await rm(run, { recursive: true, force: true });
  }
}

/** What a broker needs to have groups and transactions alone. */
const single = {
  "offsets.topic.num.partitions": 1,
  "offsets.topic.replication.factor": 1,
  "transaction.state.log.num.partitions": 1,
  "transaction.state.log.replication.factor": 1,
  "transaction.state.log.min.isr": 1,
  "group.initial.rebalance.delay.ms": 0,
};

/** A topic, a message, a transaction and a group. */
async function use(brokers: string[]): Promise<void> {
  await createTopic(brokers, "used");
  await produce(brokers, "used", [{ value: "1" }]);
  const kafka = quietKafka(brokers);
  const producer = kafka.producer({ transactionalId: "used", idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic: "used", messages: [{ value: "2" }] });
  await transaction.commit();
  await producer.disconnect();
  await readTopic(brokers, "used");
  const consumer = kafka.consumer({ groupId: "used" });
  await consumer.connect();
  await consumer.subscribe({ topic: "used", fromBeginning: true });
  const seen: string[] = [];
  await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void seen.push(String(message.value))) });
  await until(() => seen.length === 2, { within: 60_000 });
  await consumer.disconnect();
}

/** The settings without which neither the formatter nor the broker runs, and one that spares memory. */
export function minimalProperties(data: string, port: number, controllerPort: number): string {
  return [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    "controller.listener.names=CONTROLLER",
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    `log.dirs=${data}`,
    // The cleaner would take 128 MB at once, whatever there is to clean.
    "log.cleaner.dedupe.buffer.size=4194304",
    "",
  ].join("\n");
}
