import { array, int16, int32, int64, NO_UUID, records, string, struct, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const produce = message({
  key: 0,
  name: "Produce",
  versions: [3, 13],
  // As Kafka does: librdkafka up to 2.6.1 compresses with gzip, snappy and lz4 only where it sees these (KAFKA-18659).
  advertisedFrom: 0,
  flexibleFrom: 9,
  request: {
    transactionalId: string({ nullable: "3+", or: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string({ v: "0-12" }),
      topicId: uuid({ v: "13+" }),
      partitionData: array({
        index: int32(),
        records: records({ nullable: "0+" }),
      }),
    }),
  },
  response: {
    responses: array({
      name: string({ v: "0-12", or: "" }),
      topicId: uuid({ v: "13+", or: NO_UUID }),
      partitionResponses: array({
        index: int32(),
        errorCode: int16({ or: 0 }),
        baseOffset: int64(),
        logAppendTimeMs: int64({ or: -1 }),
        logStartOffset: int64({ v: "5+", or: -1 }),
        recordErrors: array({
          batchIndex: int32(),
          batchIndexErrorMessage: string({ nullable: "8+", or: null }),
        }, { v: "8+", or: [] }),
        errorMessage: string({ v: "8+", nullable: "8+", or: null }),
        currentLeader: struct({
          leaderId: int32({ or: -1 }),
          leaderEpoch: int32({ or: -1 }),
        }, { v: "10+", tag: 0 }),
      }),
    }),
    throttleTimeMs: int32({ or: 0 }),
    nodeEndpoints: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "10+", or: null }),
    }, { v: "10+", tag: 0 }),
  },
});
