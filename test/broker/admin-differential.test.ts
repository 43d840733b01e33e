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
import { NO_UUID } from "../../src/broker/protocol/fields.ts";
import { differential } from "../support/differential.ts";

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
