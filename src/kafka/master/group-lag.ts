import { groupBy } from "../../core/group-by.ts";
import type { PartitionOffset } from "../../driver/master-log.ts";
import { EARLIEST, LATEST, listOffsets } from "../../wire/requests/02-list-offsets.ts";
import { offsetFetch } from "../../wire/requests/09-offset-fetch.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../../wire/error-codes.ts";
import { check } from "../connection/errors.ts";
import { isOfAnother } from "../consumer/offsets.ts";
import { partitionKey } from "../../core/topic-partition.ts";

/**
 * How many offsets before `ends` the group has not committed. What is not in the log any more counts for nothing: of a
 * topic that was created anew, or whose oldest messages are gone.
 */
export async function groupLag(cluster: Cluster, groupId: string, ends: readonly PartitionOffset[]): Promise<number> {
  if (ends.length === 0) return 0;
  await cluster.refresh([...new Set(ends.map(({ topic }) => topic))]);
  const there = ends.filter(({ topic, partition }) => partition < (cluster.topic(topic)?.leaders.length ?? 0));
  const [committed, first, last] = await Promise.all([
    commits(cluster, groupId, there),
    offsets(cluster, there, EARLIEST),
    offsets(cluster, there, LATEST),
  ]);
  let sum = 0;
  for (const { offset, ...at } of there) {
    const key = partitionKey(at);
    const end = Math.min(offset, last.get(key) ?? 0);
    sum += Math.max(0, end - Math.max(committed.get(key) ?? 0, first.get(key) ?? 0));
  }
  return sum;
}

type Offsets = Map<string, number>;

async function commits(cluster: Cluster, groupId: string, partitions: readonly PartitionOffset[]): Promise<Offsets> {
  const topics = byTopic(partitions).map(([topic, group]) => ({
    topic,
    partitions: group.map(({ partition }) => partition),
  }));
  const connection = cluster.sharedConnection(await cluster.coordinator(groupId));
  const answer = await connection.send(offsetFetch({ groupId, topics }));
  check(answer.errorCode, `The offsets of group ${groupId}`);
  const found: Offsets = new Map();
  for (const { topic, partitions } of answer.topics) {
    const topicId = cluster.topic(topic)?.topicId ?? "";
    for (const { partition, committedOffset, metadata, errorCode } of partitions) {
      check(errorCode, `The offset of ${topic}[${partition}] in group ${groupId}`);
      if (!isOfAnother(metadata, topicId)) found.set(partitionKey({ topic, partition }), committedOffset);
    }
  }
  return found;
}

async function offsets(cluster: Cluster, partitions: readonly PartitionOffset[], timestamp: number): Promise<Offsets> {
  const leaders = groupBy(partitions, ({ topic, partition }) => cluster.leader(topic, partition));
  const found: Offsets = new Map();
  await Promise.all([...leaders].map(async ([leader, group]) => {
    const topics = byTopic(group).map(([topic, group]) => ({
      topic,
      partitions: group.map(({ partition }) => ({ partition, timestamp })),
    }));
    const answer = await cluster.sharedConnection(cluster.node(leader)).send(
      listOffsets({ isolationLevel: "read_uncommitted", topics }),
    );
    for (const { topic, partitions } of answer.topics) {
      for (const { partition, offset, errorCode } of partitions) {
        if (errorCode === Code.UNKNOWN_TOPIC_OR_PARTITION) continue; // it has gone meanwhile
        check(errorCode, `The offsets of ${topic}[${partition}]`);
        found.set(partitionKey({ topic, partition }), offset);
      }
    }
  }));
  return found;
}

function byTopic<T extends { topic: string }>(partitions: readonly T[]): [string, T[]][] {
  return [...groupBy(partitions, ({ topic }) => topic)];
}
