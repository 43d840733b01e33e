import { array, boolean, int16, int32, list, NO_UUID, string, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { NOT_ASKED } from "./operations.ts";

export const metadata = message({
  key: 3,
  name: "Metadata",
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    topics: array({
      topicId: uuid({ v: "10+", or: NO_UUID }),
      name: string({ nullable: "10+" }),
    }, { nullable: "1+" }),
    allowAutoTopicCreation: boolean({ v: "4+", or: true }),
    includeClusterAuthorizedOperations: boolean({ v: "8-10", or: false }),
    includeTopicAuthorizedOperations: boolean({ v: "8+", or: false }),
  },
  response: {
    throttleTimeMs: int32({ v: "3+", or: 0 }),
    brokers: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ v: "1+", nullable: "1+", or: null }),
    }),
    clusterId: string({ v: "2+", nullable: "2+", or: null }),
    controllerId: int32({ v: "1+", or: -1 }),
    topics: array({
      errorCode: int16({ or: 0 }),
      name: string({ nullable: "12+" }),
      topicId: uuid({ v: "10+", or: NO_UUID }),
      isInternal: boolean({ v: "1+", or: false }),
      partitions: array({
        errorCode: int16({ or: 0 }),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ v: "7+", or: -1 }),
        replicaNodes: list(int32()),
        isrNodes: list(int32()),
        offlineReplicas: list(int32(), { v: "5+", or: [] }),
      }),
      topicAuthorizedOperations: int32({ v: "8+", or: NOT_ASKED }),
    }),
    clusterAuthorizedOperations: int32({ v: "8-10", or: NOT_ASKED }),
    errorCode: int16({ v: "13+", or: 0 }),
  },
});
