import { CLUSTER_OPERATIONS, NOT_ASKED } from "../authorized.ts";
import { Code } from "../../wire/error-codes.ts";
import { array, boolean, int16, int32, int8, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

const BROKERS = 1; // the type of the endpoint, as opposed to controllers

export const describeCluster = api({
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
  handle(broker, { endpointType, includeClusterAuthorizedOperations }) {
    const { nodeId, host, port, clusterId } = broker;
    if (endpointType !== BROKERS) {
      const errorMessage = "The request was sent to an endpoint of type BROKER, but we wanted another one.";
      return { errorCode: Code.MISMATCHED_ENDPOINT_TYPE, errorMessage, clusterId: "", brokers: [] };
    }
    return {
      clusterId,
      controllerId: nodeId,
      brokers: [{ brokerId: nodeId, host, port, isFenced: false }],
      clusterAuthorizedOperations: includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : NOT_ASKED,
    };
  },
});
