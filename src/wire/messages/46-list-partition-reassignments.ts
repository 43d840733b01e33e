import { array, int16, int32, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

/** With one broker nothing is ever moved. */
export const listPartitionReassignments = message({
  key: 46,
  name: "ListPartitionReassignments",
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32({ or: 60_000 }),
    topics: array({ name: string(), partitionIndexes: list(int32()) }, { nullable: "0+", or: null }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: list(int32()),
        addingReplicas: list(int32()),
        removingReplicas: list(int32()),
      }),
    }),
  },
});
