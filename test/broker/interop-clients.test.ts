/**
 * Clients of other languages on both brokers, as they are by default: a topic that is not there is made by using it. What
 * they do is the same program for both, so that what they are told by one holds for the other.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fetch } from "../../src/broker/requests/01-fetch.ts";
import { NO_UUID } from "../../src/wire/protocol/fields.ts";
import { readBatchHeader } from "../../src/wire/record-batch.ts";
import { startDevBroker } from "../support/dev-broker.ts";
import {
  goProgram,
  javaTools,
  kafkaPythonSkip,
  missing,
  oldPython,
  python,
  pythonSkip,
  tool,
} from "../support/interop.ts";
import { readTopic } from "../support/kafkajs-oracle.ts";
import { javaSkip, type KafkaServer, kafkaSkip, startKafka } from "../support/kafka.ts";
import { wireClient } from "../support/wire-client.ts";

const settings = { "auto.create.topics.enable": true };
const brokers = [
  { name: "the dev broker", skip: false, start: () => startDevBroker({ keeps: false, settings }) },
  { name: "Kafka", skip: kafkaSkip, start: () => startKafka({ settings }) },
];

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const GOOD = "all is as on Kafka";

for (const { name, skip, start } of brokers) {
  describe(`on ${name}`, { skip, timeout: 120_000, concurrency: 2 }, () => {
    let broker: KafkaServer;
    before(async () => void (broker = await start()));
    after(() => broker.stop());
    const at = () => broker.brokers[0] ?? "";
    const runs = async (program: string, ...args: string[]) => {
      assert.equal((await tool(program, args)).trim().split("\n").at(-1), GOOD);
    };

    /** How the first batch of a topic is compressed. */
    const codecOf = async (topic: string) => {
      const client = await wireClient(broker.port);
      const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1e6 }];
      const topics = [{ topic, topicId: NO_UUID, partitions }];
      const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1e6, topics, forgottenTopicsData: [] };
      const { responses } = await client.call(fetch, 11, request);
      client.close();
      const records = responses[0]?.partitions[0]?.records;
      assert.ok(records);
      return readBatchHeader(records).codec;
    };

    for (
      const [version, program, unless] of [["current", python, pythonSkip], [
        "2.3",
        oldPython,
        missing(oldPython),
      ]] as const
    ) {
      test(`confluent-kafka ${version} for Python makes a topic, lists all, and reads by a pattern`, {
        skip: unless,
      }, async () => {
        const topic = `confluent-${version}`;
        await runs(program, script("./interop-auto.py"), at(), topic);
        assert.equal(await codecOf(topic), "gzip");
      });
    }

    test("kafka-python makes a topic, lists all, and reads by a pattern", { skip: kafkaPythonSkip }, async () => {
      await runs(python, script("./interop-kafka-python.py"), at(), "kafka-python");
    });

    test("kafka-go and franz-go make topics, and read alone, in groups, in transactions", {
      skip: missing(goProgram),
    }, () => runs(goProgram, at(), "go"));

    test("Kafka's tools for what one broker has little of end well", { skip: javaSkip }, async () => {
      const server = ["--bootstrap-server", at()];
      const tools = "org.apache.kafka.tools";
      const configs = (...args: string[]) => ["kafka.admin.ConfigCommand", ...server, ...args];
      const brokerOf = ["--entity-type", "brokers", "--entity-name", "1"];
      const all = ["--entity-type", "brokers", "--entity-default"];
      const commands: [string[], RegExp, number?][] = [
        [[`${tools}.ConsoleProducer`, ...server, "--topic", "new"], /^$|UNKNOWN_TOPIC|LEADER_NOT_AVAILABLE/],
        [configs("--describe", "--all", ...brokerOf), /^ {2}message\.max\.bytes=1048588 .*DEFAULT_CONFIG/m],
        [configs("--describe", "--all", ...brokerOf), /^ {2}log\.retention\.hours=168 /m],
        [configs("--alter", ...all, "--add-config", "message.max.bytes=123456"), /^Completed updating default config/],
        [configs("--describe", ...all), /^ {2}message\.max\.bytes=123456 .*DYNAMIC_DEFAULT_BROKER_CONFIG/m],
        [configs("--alter", ...all, "--delete-config", "message.max.bytes"), /^Completed updating default config/],
        [
          configs("--alter", ...brokerOf, "--add-config", "num.partitions=3"),
          /Cannot update these configs dynamically/,
          1,
        ],
        ...["topics", "users", "clients", "ips", "client-metrics", "groups"].map((
          type,
        ): [string[], RegExp] => [configs("--describe", "--entity-type", type), /^(?!.*Exception)/s]),
        [configs("--describe", "--entity-type", "broker-loggers", "--entity-name", "1"), /broker-logger 1 are:/],
        [[`${tools}.reassign.ReassignPartitionsCommand`, ...server, "--list"], /^No partition reassignments found\./],
        [[`${tools}.MetadataQuorumCommand`, ...server, "describe", "--status"], /^LeaderId: +1$/m],
        [[`${tools}.MetadataQuorumCommand`, ...server, "describe", "--replication"], /^1\s.*Leader/m],
        [[`${tools}.FeatureCommand`, ...server, "describe"], /transaction\.version\s.*FinalizedVersionLevel: 2/],
        [
          [`${tools}.LeaderElectionCommand`, ...server, "--election-type", "preferred", "--all-topic-partitions"],
          /^(?!.*Exception)/s,
        ],
        [[`${tools}.AclCommand`, ...server, "--list"], /SecurityDisabledException: No Authorizer is configured/, 1],
      ];
      const done = await javaTools(commands.map(([command]) => command), "one\ntwo\n");
      for (const [index, [command, said, code = 0]] of commands.entries()) {
        assert.match(done[index]?.said ?? "", said, command.join(" "));
        assert.equal(done[index]?.code, code, `${command.join(" ")}: ${done[index]?.said}`);
      }
      assert.deepEqual((await readTopic(broker.brokers, "new")).map(({ value }) => String(value)), ["one", "two"]);
    });
  });
}
