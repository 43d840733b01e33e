import { array, int16, int32, int64, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const txnOffsetCommit = message({
  key: 28,
  name: "TxnOffsetCommit",
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: int32({ v: "3+", or: -1 }),
    memberId: string({ v: "3+", or: "" }),
    groupInstanceId: string({ v: "3+", nullable: "3+", or: null }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ v: "2+", or: -1 }),
        committedMetadata: string({ nullable: "0+" }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    topics: array({ name: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
  },
});
