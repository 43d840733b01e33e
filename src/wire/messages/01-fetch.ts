import { array, int16, int32, int64, int8, list, NO_UUID, records, string, struct, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const fetch = message({
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
});
