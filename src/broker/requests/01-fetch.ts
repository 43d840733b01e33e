import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import { byTopic, enough, read, type Wish } from "../fetch.ts";
import { array, int16, int32, int64, int8, list, NO_UUID, records, string, struct, uuid } from "../protocol/fields.ts";
import { api } from "./api.ts";

const READ_COMMITTED = 1;
/** The most bytes of one answer, as Kafka's fetch.max.bytes for brokers. */
const MAX_BYTES = 55 * 1024 * 1024;

export const fetch = api({
  key: 1,
  name: "Fetch",
  versions: [4, 18],
  flexibleFrom: 12,
  request: {
    clusterId: string({ v: "12+", nullable: "12+", tag: 0, or: null }),
    replicaId: int32({ v: "0-14", or: -1 }),
    replicaState: struct({
      replicaId: int32({ or: -1 }),
      replicaEpoch: int64({ or: -1 }),
    }, { v: "15+", tag: 1 }),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ or: 2147483647 }),
    isolationLevel: int8({ or: 0 }),
    sessionId: int32({ v: "7+", or: 0 }),
    sessionEpoch: int32({ v: "7+", or: -1 }),
    topics: array({
      topic: string({ v: "0-12" }),
      topicId: uuid({ v: "13+" }),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ v: "9+", or: -1 }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32({ v: "12+", or: -1 }),
        logStartOffset: int64({ v: "5+", or: -1 }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid({ v: "17+", tag: 0 }),
        highWatermark: int64({ v: "18+", tag: 1, or: Number.MAX_SAFE_INTEGER }),
      }),
    }),
    forgottenTopicsData: array({
      topic: string({ v: "7-12" }),
      topicId: uuid({ v: "13+" }),
      partitions: list(int32()),
    }, { v: "7+" }),
    rackId: string({ v: "11+", or: "" }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ v: "7+", or: 0 }),
    sessionId: int32({ v: "7+", or: 0 }),
    responses: array({
      topic: string({ v: "0-12", or: "" }),
      topicId: uuid({ v: "13+", or: NO_UUID }),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16({ or: 0 }),
        highWatermark: int64(),
        lastStableOffset: int64({ or: -1 }),
        logStartOffset: int64({ v: "5+", or: -1 }),
        divergingEpoch: struct({
          epoch: int32({ or: -1 }),
          endOffset: int64({ or: -1 }),
        }, { v: "12+", tag: 0 }),
        currentLeader: struct({
          leaderId: int32({ or: -1 }),
          leaderEpoch: int32({ or: -1 }),
        }, { v: "12+", tag: 1 }),
        snapshotId: struct({
          endOffset: int64({ or: -1 }),
          epoch: int32({ or: -1 }),
        }, { v: "12+", tag: 2 }),
        abortedTransactions: array({
          producerId: int64(),
          firstOffset: int64(),
        }, { nullable: "4+" }),
        preferredReadReplica: int32({ v: "11+", or: -1 }),
        records: records({ nullable: "0+" }),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "16+", or: null }),
    }, { v: "16+", tag: 0 }),
  },
  async handle(broker, request, { version, signal }) {
    const { maxWaitMs, minBytes, sessionEpoch, maxBytes } = request;
    // No sessions are kept: a client that asks for one gets the id 0, which means none (KIP-227). The epochs 0 and -1
    // begin one and end one: both fetch in full, whatever the id is.
    if (sessionEpoch !== 0 && sessionEpoch !== -1) return { errorCode: Code.FETCH_SESSION_ID_NOT_FOUND, responses: [] };
    const committed = request.isolationLevel === READ_COMMITTED;
    const wishes: Wish[] = request.topics.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((wish) => {
        const found = version >= 13 ? broker.topics.byId(topicId) : broker.topics.get(topic);
        const log = found?.partitions[wish.partition]?.log;
        const missing = found === undefined
          ? missingOf(broker, version, topic, topicId)
          : Code.UNKNOWN_TOPIC_OR_PARTITION;
        return { topic, topicId, ...wish, log, missing };
      })
    );
    await enough({ wishes, minBytes: Math.min(minBytes, maxBytes), maxWaitMs, committed, signal });
    let left = Math.min(maxBytes, MAX_BYTES);
    let atLeastOne = true;
    const answers = wishes.map((wish) => {
      const answer = read(wish, Math.max(left, 0), committed, atLeastOne);
      if (answer.size > 0) atLeastOne = false;
      left -= answer.size;
      return answer;
    });
    return { responses: byTopic(wishes, answers) };
  },
});

function missingOf(broker: BrokerServices, version: number, topic: string, topicId: string): number {
  const byId = version >= 13;
  const own = byId ? broker.internalTopics.byId(topicId) : broker.internalTopics.get(topic);
  if (own !== undefined) return Code.TOPIC_AUTHORIZATION_FAILED;
  return byId ? Code.UNKNOWN_TOPIC_ID : Code.UNKNOWN_TOPIC_OR_PARTITION;
}
