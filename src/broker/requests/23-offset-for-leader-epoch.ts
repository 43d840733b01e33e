import { Code } from "../../wire/error-codes.ts";
import { checkLeaderEpoch, LEADER_EPOCH } from "../node.ts";
import { array, int16, int32, int64, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const offsetForLeaderEpoch = api({
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [2, 4],
  flexibleFrom: 4,
  request: {
    replicaId: int32({ v: "3+", or: -2 }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32({ or: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: int16({ or: 0 }),
        partition: int32(),
        leaderEpoch: int32({ or: -1 }),
        endOffset: int64({ or: -1 }),
      }),
    }),
  },
  handle(broker, { topics }) {
    return {
      topics: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
          const log = broker.topics.partition(topic, partition)?.log;
          if (log === undefined) return { partition, errorCode: Code.UNKNOWN_TOPIC_OR_PARTITION };
          const errorCode = checkLeaderEpoch(currentLeaderEpoch);
          if (errorCode !== 0 || leaderEpoch !== LEADER_EPOCH) return { partition, errorCode };
          return { partition, leaderEpoch, endOffset: log.endOffset };
        }),
      })),
    };
  },
});
