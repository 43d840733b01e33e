import { produce as message } from "../../wire/messages/00-produce.ts";
import { isInternal } from "../topics/internal-topics.ts";
import { Code } from "../../wire/error-codes.ts";
import type { Log } from "../log/log.ts";
import { append, refused, verify, type WrittenPartition } from "../produce.ts";
import { api } from "./api.ts";

export const produce = api(message, async (broker, { transactionalId, acks, topicData }, { version, release }) => {
  const byId = version >= 13;
  const missing = byId ? Code.UNKNOWN_TOPIC_ID : Code.UNKNOWN_TOPIC_OR_PARTITION;
  const topics = topicData.map(({ name, topicId, partitionData }) => {
    const topic = byId ? broker.topics.byId(topicId) : broker.topics.get(name);
    // As in Kafka, nobody writes to its own topics.
    const isOwn = () => byId ? broker.internalTopics.byId(topicId) !== undefined : isInternal(name);
    const missingOf = () => isOwn() ? Code.INVALID_TOPIC_EXCEPTION : missing;
    const writes = partitionData.map(({ index, records }) => ({
      topic: topic?.name ?? name,
      index,
      records,
      log: topic?.partitions[index]?.log,
      missing: topic === undefined ? missingOf() : Code.UNKNOWN_TOPIC_OR_PARTITION,
    }));
    return { name, topicId, writes };
  });
  const all = topics.flatMap(({ writes }) => writes);
  const isValid = acks >= -1 && acks <= 1;
  // Who may write is found out before anything is written, and only then may this wait: appends keep their order.
  const verified = verify(broker, transactionalId, version, isValid ? all : []);
  const answers = verified instanceof Map ? verified : await verified;
  const written = new Set<Log>();
  const responses: { name: string; topicId: string; partitionResponses: WrittenPartition[] }[] = topics.map((
    topic,
  ) => ({
    name: topic.name,
    topicId: topic.topicId,
    partitionResponses: topic.writes.map((write) =>
      isValid
        ? append(write, version, answers.get(write), written)
        : refused(write.index, Code.INVALID_REQUIRED_ACKS, "Invalid required acks.")
    ),
  }));
  // What follows only waits for the disk, and one wait serves all.
  release();
  if (acks === 0) {
    const failed = responses.flatMap(({ partitionResponses }) => partitionResponses).find(({ errorCode }) => errorCode);
    // Kafka's way of telling a producer that waits for no answer: its connection is closed.
    if (failed !== undefined) throw new Error(`a write without acknowledgement was refused (${failed.errorCode})`);
    return null;
  }
  for (const log of written) await log.flushed();
  return { responses };
});
