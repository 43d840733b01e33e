import { describeTopicPartitions as message } from "../../wire/messages/75-describe-topic-partitions.ts";
import { Code } from "../../wire/error-codes.ts";
import type { BrokerServices } from "../services.ts";
import { TOPIC_OPERATIONS } from "../authorized.ts";
import { LEADER_EPOCH, NODE_ID } from "../node.ts";
import { NO_UUID } from "../../wire/protocol/fields.ts";
import { api } from "./api.ts";

const PARTITION_LIMIT = 2000; // as Kafka's max.request.partition.size.limit

export const describeTopicPartitions = api(message, (broker, { topics, cursor, responsePartitionLimit }) => {
  const all = () => [...broker.internalTopics.all(), ...broker.topics.all()];
  const names = (topics.length === 0 ? all() : topics).map(({ name }) => name);
  const from = cursor?.topicName ?? "";
  let left = Math.max(1, Math.min(responsePartitionLimit, PARTITION_LIMIT));
  const described = [];
  const rest = { topicAuthorizedOperations: TOPIC_OPERATIONS };
  for (const name of [...new Set(names)].sort().filter((name) => name >= from)) {
    const topic = viewOf(broker, name);
    if (topic === undefined) {
      described.push({ ...rest, errorCode: Code.UNKNOWN_TOPIC_OR_PARTITION, name, topicId: NO_UUID, partitions: [] });
      continue;
    }
    const first = cursor?.topicName === name ? cursor.partitionIndex : 0;
    const last = Math.min(first + left, topic.partitions);
    const partitions = Array.from({ length: Math.max(0, last - first) }, (_, index) => ({
      partitionIndex: first + index,
      leaderId: NODE_ID,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: [NODE_ID],
      isrNodes: [NODE_ID],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    }));
    described.push({ ...rest, name, topicId: topic.id, isInternal: topic.isInternal, partitions });
    left -= partitions.length;
    const next = first + partitions.length;
    if (left === 0 && next < topic.partitions) {
      return { topics: described, nextCursor: { topicName: name, partitionIndex: next } };
    }
    if (left === 0) left = 1; // another topic may yet show its first partition: as many as are asked for are few
  }
  return { topics: described };
});

function viewOf(broker: BrokerServices, name: string) {
  const internal = broker.internalTopics.get(name);
  if (internal !== undefined) return { ...internal, isInternal: true };
  const topic = broker.topics.get(name);
  return topic && { id: topic.id, partitions: topic.partitions.length, isInternal: false };
}
