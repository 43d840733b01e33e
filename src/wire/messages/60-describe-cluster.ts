import { array, boolean, int16, int32, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { NOT_ASKED } from "./operations.ts";

export const describeCluster = message({
  key: 60,
  name: "DescribeCluster",
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    includeClusterAuthorizedOperations: boolean(),
    endpointType: int8({ v: "1+", or: 1 }),
    includeFencedBrokers: boolean({ v: "2+", or: false }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    endpointType: int8({ v: "1+", or: 1 }),
    clusterId: string(),
    controllerId: int32({ or: -1 }),
    brokers: array({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: "0+", or: null }),
      isFenced: boolean({ v: "2+" }),
    }),
    clusterAuthorizedOperations: int32({ or: NOT_ASKED }),
  },
});
