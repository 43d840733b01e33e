import { describeQuorum as message } from "../../wire/messages/55-describe-quorum.ts";
import { Code } from "../../wire/error-codes.ts";
import { NODE_ID } from "../node.ts";
import { api } from "./api.ts";

/** The partition of the quorum of controllers. */
const QUORUM_TOPIC = "__cluster_metadata";
/** Of the one election that a quorum of one has had. */
const QUORUM_EPOCH = 1;

/** The one broker is the one controller too, whose log is empty: what it would hold is in the broker's journals. */
export const describeQuorum = api(message, (broker, { topics }) => {
  const now = broker.clock.wall();
  const isAsked = (topic: string, partition: number) => topic === QUORUM_TOPIC && partition === 0;
  const isFound = topics.some(({ topicName, partitions }) =>
    partitions.some(({ partitionIndex }) => isAsked(topicName, partitionIndex))
  );
  const voter = { replicaId: NODE_ID, logEndOffset: 0, lastFetchTimestamp: now, lastCaughtUpTimestamp: now };
  return {
    errorMessage: "",
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => {
        return isAsked(topicName, partitionIndex)
          ? {
            ...{
              partitionIndex,
              errorCode: Code.NONE,
              errorMessage: "",
              leaderId: NODE_ID,
              leaderEpoch: QUORUM_EPOCH,
            },
            ...{ currentVoters: [voter], observers: [] },
          }
          : {
            partitionIndex,
            errorCode: Code.UNKNOWN_TOPIC_OR_PARTITION,
            errorMessage: "This server does not host this topic-partition.",
            currentVoters: [],
            observers: [],
          };
      }),
    })),
    nodes: !isFound ? [] : [{
      nodeId: NODE_ID,
      listeners: [{ name: "CONTROLLER", host: broker.host, port: broker.port }],
    }],
  };
});
