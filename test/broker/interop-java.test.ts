/** Kafka's own tools, which are the Java client, on the dev broker. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startDevBroker } from "../support/dev-broker.ts";
import { javaTool } from "../support/interop.ts";
import { createTopic, readTopic } from "../support/kafkajs-oracle.ts";
import { javaSkip, type KafkaServer } from "../support/kafka.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n));
/** The tools' lines of JSON. */
const events = (output: string) => output.trim().split("\n").map((line) => JSON.parse(line));

// A JVM's start is most of the time that each takes, and does not need the other's.
describe("Kafka's own tools", { skip: javaSkip, timeout: 120_000, concurrency: 2 }, () => {
  let broker: KafkaServer;
  before(async () => {
    broker = await startDevBroker({ keeps: false });
  });
  after(() => broker.stop());
  const at = () => ["--bootstrap-server", ...broker.brokers];

  test("kafka-topics creates, describes, grows, lists and deletes topics", async () => {
    const topics = (...args: string[]) => javaTool("TopicCommand", [...at(), ...args]);
    await topics("--create", "--topic", "made", "--partitions", "3", "--config", "retention.ms=60000");
    await topics("--alter", "--topic", "made", "--partitions", "5");
    const described = await topics("--describe", "--topic", "made");
    assert.match(described, /PartitionCount: 5\s+ReplicationFactor: 1\s+Configs: retention\.ms=60000/);
    assert.match(described, /Partition: 4\s+Leader: 1\s+Replicas: 1\s+Isr: 1/);
    await topics("--delete", "--topic", "made");
    assert.doesNotMatch(await topics("--list"), /^made$/m);
    await assert.rejects(topics("--create", "--topic", "odd", "--config", "nonsense=1"), /Unknown topic config/);
  });

  test("the console's producer, consumer and consumer-groups", async () => {
    await createTopic(broker.brokers, "words", { partitions: 2 });
    const keyed = ["--property", "parse.key=true", "--property", "key.separator=:"];
    await javaTool("ConsoleProducer", [...at(), "--topic", "words", ...keyed], "a:one\nb:two\na:three\n");
    const read = ["--from-beginning", "--group", "readers", "--max-messages", "3", "--property", "print.key=true"];
    const output = await javaTool("consumer.ConsoleConsumer", [...at(), "--topic", "words", ...read]);
    assert.deepEqual(output.trim().split("\n").sort(), ["a\tone", "a\tthree", "b\ttwo"]);
    const groups = (...args: string[]) =>
      javaTool("consumer.group.ConsumerGroupCommand", [...at(), "--group", "readers", ...args]);
    assert.match(await groups("--describe"), /readers\s+words\s+\d\s+\d\s+\d\s+0\s/);
    await groups("--reset-offsets", "--to-earliest", "--topic", "words", "--execute");
    assert.match(await groups("--describe"), /readers\s+words\s+\d\s+0\s+[1-3]\s+[1-3]\s/);
  });

  test("the verifiable producer, and verifiable consumers that share a group", async () => {
    await createTopic(broker.brokers, "verified", { partitions: 4 });
    const produced = events(
      await javaTool("VerifiableProducer", [...at(), "--topic", "verified", "--max-messages", "2000", "--acks", "-1"]),
    );
    assert.equal(produced.filter(({ name }) => name === "producer_send_success").length, 2000);
    // Each ends when it has had half, so they have to share; the first to end hands its partitions over.
    const consume = async () =>
      events(
        await javaTool("VerifiableConsumer", [
          ...[...at(), "--topic", "verified", "--group-id", "verifiers", "--reset-policy", "earliest"],
          ...["--max-messages", "1000", "--session-timeout", "6000"],
        ]),
      );
    const consumed = (await Promise.all([consume(), consume()])).flat();
    const ranges = consumed.filter(({ name }) => name === "records_consumed").flatMap(({ partitions }) => partitions);
    const offsets = new Set(
      ranges.flatMap(({ partition, minOffset, maxOffset }) =>
        numbers(maxOffset - minOffset + 1).map((n) => `${partition}/${Number(n) + minOffset}`)
      ),
    );
    assert.equal(offsets.size, 2000);
    assert.ok(consumed.filter(({ name }) => name === "offsets_committed").every(({ success }) => success));
  });

  test("ProducerPerformance in transactions, ConsumerPerformance, and what a transactional copier makes of it", async () => {
    await createTopic(broker.brokers, "input");
    await createTopic(broker.brokers, "output");
    await javaTool("ProducerPerformance", [
      ...["--topic", "input", "--num-records", "50000", "--record-size", "100", "--throughput", "-1"],
      ...["--transactional-id", "performer", "--transaction-duration-ms", "20"],
      ...["--producer-props", `bootstrap.servers=${broker.brokers}`, "acks=all", "compression.type=gzip"],
    ]);
    const consume = ["--topic", "input", "--messages", "50000", "--timeout", "20000"];
    const [values = ""] = (await javaTool("ConsumerPerformance", [...at(), ...consume])).trim().split("\n").slice(-1);
    assert.equal(values.split(",")[4]?.trim(), "50000");
    // It aborts transactions at random, and takes its offsets along in them.
    await javaTool("TransactionalMessageCopier", [
      ...["--broker-list", ...broker.brokers, "--input-topic", "input", "--input-partition", "0"],
      ...["--output-topic", "output", "--transactional-id", "copier", "--consumer-group", "copiers"],
      ...["--max-messages", "3000", "--transaction-size", "100", "--enable-random-aborts", "--use-group-metadata"],
    ]);
    const copies = await readTopic(broker.brokers, "output");
    const originals = await readTopic(broker.brokers, "input");
    assert.equal(copies.length, 3000);
    assert.ok(copies.every(({ value }, index) => originals[index]?.value?.equals(value ?? new Uint8Array())));
    const all = await readTopic(broker.brokers, "output", { readCommitted: false });
    assert.ok(all.length > 3000, "some transactions were aborted");
  });
});
