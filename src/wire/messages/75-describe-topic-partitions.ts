import { array, boolean, int16, int32, list, string, struct, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { NOT_ASKED } from "./operations.ts";

export const describeTopicPartitions = message({
  key: 75,
  name: "DescribeTopicPartitions",
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array({
      name: string(),
    }),
    responsePartitionLimit: int32({ or: 2000 }),
    cursor: struct({
      topicName: string(),
      partitionIndex: int32(),
    }, { nullable: "0+", or: null }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    topics: array({
      errorCode: int16({ or: 0 }),
      name: string({ nullable: "0+" }),
      topicId: uuid(),
      isInternal: boolean({ or: false }),
      partitions: array({
        errorCode: int16({ or: 0 }),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ or: -1 }),
        replicaNodes: list(int32()),
        isrNodes: list(int32()),
        eligibleLeaderReplicas: list(int32(), { nullable: "0+", or: null }),
        lastKnownElr: list(int32(), { nullable: "0+", or: null }),
        offlineReplicas: list(int32()),
      }),
      topicAuthorizedOperations: int32({ or: NOT_ASKED }),
    }),
    nextCursor: struct({
      topicName: string(),
      partitionIndex: int32(),
    }, { nullable: "0+", or: null }),
  },
});
