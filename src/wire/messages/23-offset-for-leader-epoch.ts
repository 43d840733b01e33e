import { array, int16, int32, int64, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const offsetForLeaderEpoch = message({
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [2, 4],
  flexibleFrom: 4,
  request: {
    replicaId: int32({ v: "3+", or: -2 }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ or: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: int16({ or: 0 }),
        partition: int32(),
        leaderEpoch: int32({ or: -1 }),
        endOffset: int64({ or: -1 }),
      }),
    }),
  },
});
