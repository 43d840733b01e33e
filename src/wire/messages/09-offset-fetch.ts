import { array, boolean, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const offsetFetch = message({
  key: 9,
  name: "OffsetFetch",
  versions: [1, 9],
  flexibleFrom: 6,
  request: {
    groupId: string({ v: "0-7", or: "" }),
    topics: array({ name: string(), partitionIndexes: list(int32()) }, { v: "0-7", nullable: "2-7", or: [] }),
    groups: array({
      groupId: string(),
      memberId: string({ v: "9+", nullable: "9+", or: null }),
      memberEpoch: int32({ v: "9+", or: -1 }),
      topics: array({ name: string(), partitionIndexes: list(int32()) }, { nullable: "8+" }),
    }, { v: "8+", or: [] }),
    requireStable: boolean({ v: "7+", or: false }),
  },
  response: {
    throttleTimeMs: int32({ v: "3+", or: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ v: "5-7", or: -1 }),
        metadata: string({ nullable: "0-7" }),
        errorCode: int16(),
      }),
    }, { v: "0-7", or: [] }),
    errorCode: int16({ v: "2-7", or: 0 }),
    groups: array({
      groupId: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32(),
          metadata: string({ nullable: "8+" }),
          errorCode: int16(),
        }),
      }),
      errorCode: int16({ or: 0 }),
    }, { v: "8+", or: [] }),
  },
});
