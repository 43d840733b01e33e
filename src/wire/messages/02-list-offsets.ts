import { array, int16, int32, int64, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const listOffsets = message({
  key: 2,
  name: "ListOffsets",
  versions: [1, 10],
  flexibleFrom: 6,
  request: {
    replicaId: int32(),
    isolationLevel: int8({ v: "2+" }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32({ v: "4+", or: -1 }),
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32({ v: "10+" }),
  },
  response: {
    throttleTimeMs: int32({ v: "2+", or: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16({ or: 0 }),
        timestamp: int64({ or: -1 }),
        offset: int64({ or: -1 }),
        leaderEpoch: int32({ v: "4+", or: -1 }),
      }),
    }),
  },
});
