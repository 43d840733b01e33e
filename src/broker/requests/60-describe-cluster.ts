import { describeCluster as message } from "../../wire/messages/60-describe-cluster.ts";
import { NOT_ASKED } from "../../wire/messages/operations.ts";
import { CLUSTER_OPERATIONS } from "../authorized.ts";
import { Code } from "../../wire/error-codes.ts";
import { api } from "./api.ts";

const BROKERS = 1; // the type of the endpoint, as opposed to controllers

export const describeCluster = api(message, (broker, { endpointType, includeClusterAuthorizedOperations }) => {
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
});
