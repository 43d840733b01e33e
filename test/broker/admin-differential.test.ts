import { produce } from "../../src/broker/requests/00-produce.ts";
import { createTopics } from "../../src/broker/requests/19-create-topics.ts";
import { describeConfigs } from "../../src/broker/requests/32-describe-configs.ts";
import { incrementalAlterConfigs } from "../../src/broker/requests/44-incremental-alter-configs.ts";
import { makeBatch } from "./log/log-model.ts";
import { until } from "../support/until.ts";
import { metadata } from "../../src/broker/requests/03-metadata.ts";
import { describeAcls } from "../../src/broker/requests/29-describe-acls.ts";
import { createAcls } from "../../src/broker/requests/30-create-acls.ts";
import { deleteAcls } from "../../src/broker/requests/31-delete-acls.ts";
import { electLeaders } from "../../src/broker/requests/43-elect-leaders.ts";
import { listPartitionReassignments } from "../../src/broker/requests/46-list-partition-reassignments.ts";
import { describeClientQuotas } from "../../src/broker/requests/48-describe-client-quotas.ts";
import { describeUserScramCredentials } from "../../src/broker/requests/50-describe-user-scram-credentials.ts";
import { describeQuorum } from "../../src/broker/requests/55-describe-quorum.ts";
import { updateFeatures } from "../../src/broker/requests/57-update-features.ts";
import { describeCluster } from "../../src/broker/requests/60-describe-cluster.ts";
import { listConfigResources } from "../../src/broker/requests/74-list-config-resources.ts";
import { describeTopicPartitions } from "../../src/broker/requests/75-describe-topic-partitions.ts";
import { NO_UUID } from "../../src/wire/protocol/fields.ts";
import { differential, type Station } from "../support/differential.ts";

const topic = `admin-${Math.random().toString(36).slice(2)}`;
const { same, finish } = differential("admin");

same("access control lists", async (at) => {
  const resource = { resourceType: 2, resourceName: "t", resourcePatternType: 3 };
  const entry = { principal: "User:a", host: "*", operation: 3, permissionType: 3 };
  const any = { resourceNameFilter: null, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1 };
  for (const version of [1, 2, 3]) {
    await at.tell("describe", describeAcls, version, { resourceTypeFilter: 1, patternTypeFilter: 1, ...any });
    await at.tell("create", createAcls, version, { creations: [{ ...resource, ...entry }] });
    await at.tell("delete", deleteAcls, version, {
      filters: [{ resourceTypeFilter: 1, patternTypeFilter: 1, ...any }],
    });
  }
});

same("leaders and reassignments", async (at) => {
  await at.createTopic(topic, 2);
  const topicPartitions = [{ topic, partitions: [0, 1, 7] }, { topic: "nowhere", partitions: [0] }];
  for (const version of [0, 1, 2]) {
    await at.tell("elect", electLeaders, version, { electionType: 0, topicPartitions });
    const all = await at.ask(electLeaders, version, { electionType: 0, topicPartitions: null });
    at.told.push(["elect all", all.replicaElectionResults.filter((result) => result.topic === topic)]);
  }
  await at.tell("elect unclean", electLeaders, 2, { electionType: 1, topicPartitions });
  await at.tell("reassignments", listPartitionReassignments, 0, { topics: null });
  const topics = [{ name: topic, partitionIndexes: [0] }, { name: "nowhere", partitionIndexes: [0] }];
  await at.tell("reassignments", listPartitionReassignments, 0, { topics });
});

same("quotas and users", async (at) => {
  const components = [{ entityType: "user", matchType: 2, match: null }];
  for (const version of [0, 1]) {
    await at.tell("quotas", describeClientQuotas, version, { components, strict: false });
    await at.tell("all quotas", describeClientQuotas, version, { components: [], strict: false });
  }
  await at.tell("a user", describeUserScramCredentials, 0, { users: [{ name: "nobody" }] });
  await at.tell("a user twice", describeUserScramCredentials, 0, { users: [{ name: "nobody" }, { name: "nobody" }] });
});

same("the quorum of controllers, and features", async (at) => {
  for (const version of [0, 1, 2]) {
    const topics = [{ topicName: "__cluster_metadata", partitions: [{ partitionIndex: 0 }] }];
    await at.tell("quorum", describeQuorum, version, { topics });
  }
  await at.tell("another topic", describeQuorum, 2, {
    topics: [{ topicName: "x", partitions: [{ partitionIndex: 0 }] }],
  });
  for (const version of [0, 1, 2]) {
    const change = (feature: string, maxVersionLevel: number) =>
      at.tell(`${feature} ${maxVersionLevel}`, updateFeatures, version, {
        featureUpdates: [{ feature, maxVersionLevel, allowDowngrade: true, upgradeType: 3 }],
        validateOnly: true,
      });
    await at.tell("nothing", updateFeatures, version, { featureUpdates: [] });
    if (version > 0) {
      await change("transaction.version", 2);
      await change("nonsense", 1);
      await change("transaction.version", 77);
    }
  }
});

same("resources that have configurations", async (at) => {
  const own = async (version: number, resourceTypes: number[]) => {
    const { errorCode, configResources } = await at.ask(listConfigResources, version, { resourceTypes });
    const resources = configResources.filter((one) => one.resourceType !== 2 || one.resourceName === topic);
    at.told.push([`resources ${version} ${resourceTypes}`, { errorCode, resources }]);
  };
  await own(0, []);
  for (const types of [[], [2], [4], [8], [16], [32], [2, 4, 4], [7], [1]]) await own(1, types);
});

const change = (at: Station, type: number, name: string, key: string, value: string | null, operation = 0) =>
  at.tell(`${type} ${name} ${key} ${value} ${operation}`, incrementalAlterConfigs, 1, {
    resources: [{
      ...{ resourceType: type, resourceName: name },
      configs: [{ name: key, value, configOperation: operation }],
    }],
    validateOnly: false,
  });

/** What is said of some settings, once the first one has a value (Kafka takes its time). */
async function shows(at: Station, type: number, name: string, keys: string[] | null, first?: string) {
  const ask = (version: number) =>
    at.ask(describeConfigs, version, {
      resources: [{ resourceType: type, resourceName: name, configurationKeys: keys }],
      includeSynonyms: true,
    });
  await until(async () => {
    const { results } = await ask(4);
    return first === undefined || results[0]?.configs.some(({ value }) => value === first);
  });
  for (const version of [1, 3, 4]) at.told.push([`${type} ${name} (DescribeConfigs v${version})`, await ask(version)]);
}

same("settings of a topic, with their synonyms; no keys mean all", async (at) => {
  await shows(at, 2, topic, []);
  await shows(at, 2, topic, ["retention.ms", "nonsense"]);
  const { results } = await at.ask(describeConfigs, 4, {
    resources: [{ resourceType: 2, resourceName: topic, configurationKeys: null }],
    includeDocumentation: true,
  });
  at.told.push([
    "documented",
    results[0]?.configs.filter(({ documentation }) => documentation !== "").map(({ name }) => name).sort(),
  ]);
});

same("settings of a broker that can be altered while it runs, and that cannot", async (at) => {
  const keys = [
    "message.max.bytes",
    "log.retention.ms",
    "log.retention.hours",
    "log.retention.minutes",
    "num.partitions",
  ];
  await shows(at, 4, "1", [...keys, "auto.create.topics.enable", "log.retention.bytes", "log.cleanup.policy"]);
  await change(at, 4, "1", "message.max.bytes", "2000000");
  await shows(at, 4, "1", keys, "2000000");
  await change(at, 4, "", "message.max.bytes", "3000000");
  await shows(at, 4, "", ["message.max.bytes"], "3000000");
  await shows(at, 2, topic, ["max.message.bytes"], "2000000");
  await change(at, 4, "1", "message.max.bytes", null, 1);
  await shows(at, 2, topic, ["max.message.bytes"], "3000000");
  await change(at, 4, "", "message.max.bytes", null, 1);
  await shows(at, 2, topic, ["max.message.bytes"], "1048588");
  for (
    const [key, value] of [["num.partitions", "3"], ["log.retention.hours", "5"], ["message.max.bytes", "x"]] as const
  ) {
    await change(at, 4, "1", key, value);
  }
  await change(at, 4, "1", "message.max.bytes", "-5");
  for (const name of ["7", "x"]) {
    await change(at, 4, name, "message.max.bytes", "5000");
    await shows(at, 4, name, null);
  }
});

same("settings of groups, client metrics, loggers and what is none of these", async (at) => {
  const group = `g-${topic}`;
  const metrics = `m-${topic}`;
  await change(at, 32, group, "consumer.session.timeout.ms", "50000");
  await change(at, 32, group, "nonsense", "1");
  await change(at, 32, "", "consumer.session.timeout.ms", "50000");
  await shows(at, 32, group, ["consumer.session.timeout.ms"], "50000");
  await change(at, 16, metrics, "interval.ms", "5000");
  await change(at, 16, metrics, "interval.ms", "x");
  await change(at, 16, metrics, "nonsense", "x");
  await change(at, 16, "", "interval.ms", "5000");
  await shows(at, 16, metrics, null, "5000");
  await shows(at, 32, `other-${group}`, null);
  for (const [type, name] of [[32, ""], [16, ""], [16, "none"], [8, ""], [8, "2"]] as const) {
    await shows(at, type, name, null);
  }
  await change(at, 3, "x", "y", "z");
  await until(async () => {
    const { configResources } = await at.ask(listConfigResources, 1, { resourceTypes: [16, 32] });
    return configResources.length === 2;
  });
  await at.tell("those with settings", listConfigResources, 1, { resourceTypes: [16, 32] });
  await at.tell("metrics with settings", listConfigResources, 0, {});
  await change(at, 32, group, "consumer.session.timeout.ms", null, 1);
  await change(at, 16, metrics, "interval.ms", null, 1);
});

same("the coordinators' own topics", async (at) => {
  await at.coordinator(topic, 0);
  await at.coordinator(topic, 1);
  const own = ["__consumer_offsets", "__transaction_state"];
  const facts = (
    { name, isInternal, partitions }: { name: string | null; isInternal: boolean; partitions: unknown[] },
  ) => ({
    name,
    isInternal,
    hasPartitions: partitions.length > 0,
  });
  const all = await at.ask(metadata, 12, { topics: null });
  at.told.push([
    "listed",
    all.topics.filter(({ isInternal }) => isInternal).map(facts).sort((a) => a.name === own[0] ? -1 : 1),
  ]);
  const named = await at.ask(metadata, 12, { topics: own.map((name) => ({ name, topicId: NO_UUID })) });
  at.told.push(["named", named.topics.map(facts)]);
  const ids = named.topics.map(({ topicId }) => topicId);
  const byId = await at.ask(metadata, 12, { topics: ids.map((topicId) => ({ name: null, topicId })) });
  at.told.push(["by id", byId.topics.map(facts)]);
  const { topics } = await at.ask(describeTopicPartitions, 0, { topics: own.map((name) => ({ name })) });
  at.told.push(["described", topics.map(facts)]);
  for (const name of own) await shows(at, 2, name, ["cleanup.policy", "compression.type", "segment.bytes"]);
  const wish = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await at.tell("made again", createTopics, 5, { topics: own.map((name) => ({ ...wish, name })), timeoutMs: 1000 });
  const topicData = own.map((name) => ({
    name,
    topicId: NO_UUID,
    partitionData: [{ index: 0, records: [makeBatch([{ key: "k", value: "v", timestamp: Date.now() }])] }],
  }));
  await at.tell("written to", produce, 9, { acks: -1, timeoutMs: 1000, topicData });
});

same("what may be done, when that is asked", async (at) => {
  for (const version of [8, 10, 13]) {
    for (const asks of [false, true]) {
      await at.tell("metadata", metadata, version, {
        topics: [{ name: topic, topicId: NO_UUID }, { name: "nowhere", topicId: NO_UUID }, {
          name: "a/b",
          topicId: NO_UUID,
        }],
        includeClusterAuthorizedOperations: asks,
        includeTopicAuthorizedOperations: asks,
      });
    }
  }
  await at.tell("partitions", describeTopicPartitions, 0, { topics: [{ name: topic }, { name: "nowhere" }] });
  for (const version of [0, 1, 2]) {
    for (const asks of [false, true]) {
      await at.tell("cluster", describeCluster, version, { includeClusterAuthorizedOperations: asks });
    }
  }
});

finish();
