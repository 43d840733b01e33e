import { array, int16, int32, int64, NO_UUID, string, uint16, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const replicas = () =>
  array({
    replicaId: int32(),
    replicaDirectoryId: uuid({ v: "2+", or: NO_UUID }),
    logEndOffset: int64(),
    lastFetchTimestamp: int64({ v: "1+", or: -1 }),
    lastCaughtUpTimestamp: int64({ v: "1+", or: -1 }),
  });

/** The one broker is the one controller too, whose log is empty: what it would hold is in the broker's journals. */
export const describeQuorum = message({
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
});
