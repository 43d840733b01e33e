import { metadata as message } from "../../wire/messages/03-metadata.ts";
import { NOT_ASKED } from "../../wire/messages/operations.ts";
import { Code } from "../../wire/error-codes.ts";
import { CLUSTER_OPERATIONS, TOPIC_OPERATIONS } from "../authorized.ts";
import { LEADER_EPOCH, NODE_ID } from "../node.ts";
import { planTopic, refuseName, TopicError } from "../topics/create-topic.ts";
import type { BrokerServices } from "../services.ts";
import type { InternalTopic } from "../topics/internal-topics.ts";
import type { Topic } from "../topics/topics.ts";
import { api } from "./api.ts";

export const metadata = api(message, (broker, request, { version }) => {
  const { nodeId, host, port, clusterId } = broker;
  const { topics, allowAutoTopicCreation } = request;
  const asksForAll = topics === null || (version === 0 && topics.length === 0);
  const mayCreate = allowAutoTopicCreation && broker.settings.get("auto.create.topics.enable") === "true";
  const found = asksForAll
    ? [...broker.internalTopics.all().map(describeInternal), ...broker.topics.all().map(describe)]
    : topics.map(({ name, topicId }) => {
      if (name === null) {
        const topic = broker.topics.byId(topicId);
        if (topic !== undefined) return describe(topic);
        const internal = broker.internalTopics.byId(topicId);
        if (internal !== undefined) return describeInternal(internal);
        return { errorCode: Code.UNKNOWN_TOPIC_ID, name, topicId, partitions: [] };
      }
      const internal = broker.internalTopics.get(name);
      if (internal !== undefined) return describeInternal(internal);
      const topic = broker.topics.get(name) ?? (mayCreate ? create(broker, name) : undefined);
      if (topic !== undefined) return describe(topic);
      const errorCode = refuseName(name) === undefined ? Code.UNKNOWN_TOPIC_OR_PARTITION : Code.INVALID_TOPIC_EXCEPTION;
      return { errorCode, name, partitions: [] };
    });
  const topicAuthorizedOperations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : NOT_ASKED;
  return {
    brokers: [{ nodeId, host, port }],
    clusterId,
    controllerId: nodeId,
    topics: found.map((topic) => ({ ...topic, topicAuthorizedOperations })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NOT_ASKED,
  };
});

function create(broker: BrokerServices, name: string): Topic | undefined {
  const wish = { name, numPartitions: -1, replicationFactor: -1, assignments: [], configs: [] };
  const plan = planTopic(broker.topics, wish, broker.settings.number("num.partitions"));
  return plan instanceof TopicError ? undefined : broker.topics.create(name, plan.partitions, plan.config);
}

function describe({ name, id, partitions }: Topic) {
  return { name, topicId: id, partitions: partitions.map(({ index }) => partitionOf(index)) };
}

function describeInternal({ name, id, partitions }: InternalTopic) {
  return {
    name,
    topicId: id,
    isInternal: true,
    partitions: Array.from({ length: partitions }, (_, index) => partitionOf(index)),
  };
}

function partitionOf(partitionIndex: number) {
  return {
    partitionIndex,
    leaderId: NODE_ID,
    leaderEpoch: LEADER_EPOCH,
    replicaNodes: [NODE_ID],
    isrNodes: [NODE_ID],
  };
}
