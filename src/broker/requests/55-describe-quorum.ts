import { Code } from "../../wire/error-codes.ts";
import { NODE_ID } from "../node.ts";
import { array, int16, int32, int64, NO_UUID, string, uint16, uuid } from "../protocol/fields.ts";
import { api } from "./api.ts";

/** The partition of the quorum of controllers. */
const QUORUM_TOPIC = "__cluster_metadata";
/** Of the one election that a quorum of one has had. */
const QUORUM_EPOCH = 1;

const replicas = () =>
  array({
    replicaId: int32(),
    replicaDirectoryId: uuid({ v: "2+", or: NO_UUID }),
    logEndOffset: int64(),
    lastFetchTimestamp: int64({ v: "1+", or: -1 }),
    lastCaughtUpTimestamp: int64({ v: "1+", or: -1 }),
  });

/** The one broker is the one controller too, whose log is empty: what it would hold is in the broker's journals. */
export const describeQuorum = api({
  key: 55,
  name: "DescribeQuorum",
  versions: [0, 2],
  flexibleFrom: 0,
  request: { topics: array({ topicName: string(), partitions: array({ partitionIndex: int32() }) }) },
  response: {
    errorCode: int16({ or: 0 }),
    errorMessage: string({ v: "2+", nullable: "2+", or: null }),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ v: "2+", nullable: "2+", or: null }),
        leaderId: int32({ or: 0 }),
        leaderEpoch: int32({ or: 0 }),
        highWatermark: int64({ or: 0 }),
        currentVoters: replicas(),
        observers: replicas(),
      }),
    }),
    nodes: array({ nodeId: int32(), listeners: array({ name: string(), host: string(), port: uint16() }) }, {
      v: "2+",
      or: [],
    }),
  },
  handle(broker, { topics }) {
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
  },
});
