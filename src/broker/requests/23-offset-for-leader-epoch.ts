import { offsetForLeaderEpoch as message } from "../../wire/messages/23-offset-for-leader-epoch.ts";
import { Code } from "../../wire/error-codes.ts";
import { checkLeaderEpoch, LEADER_EPOCH } from "../node.ts";
import { api } from "./api.ts";

export const offsetForLeaderEpoch = api(message, (broker, { topics }) => {
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
});
