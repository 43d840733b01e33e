import { array, int16, int32, int64, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const offsetCommit = message({
  key: 8,
  name: "OffsetCommit",
  versions: [2, 9],
  flexibleFrom: 8,
  request: {
    groupId: string(),
    generationIdOrMemberEpoch: int32(),
    memberId: string(),
    groupInstanceId: string({ v: "7+", nullable: "7+", or: null }),
    retentionTimeMs: int64({ v: "2-4", or: -1 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ v: "6+", or: -1 }),
        committedMetadata: string({ nullable: "0+" }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ v: "3+", or: 0 }),
    topics: array({ name: string(), partitions: array({ partitionIndex: int32(), errorCode: int16() }) }),
  },
});
