import { electLeaders as message } from "../../wire/messages/43-elect-leaders.ts";
import { Code } from "../../wire/error-codes.ts";
import { api } from "./api.ts";

/** The one broker leads everything that there is, so no election is ever needed. */
export const electLeaders = api(message, (broker, { topicPartitions }) => {
  if (topicPartitions === null) {
    // Of all that there are, only partitions for which something was done are named.
    return { replicaElectionResults: broker.topics.all().map(({ name: topic }) => ({ topic, partitionResult: [] })) };
  }
  return {
    replicaElectionResults: topicPartitions.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) =>
        broker.topics.partition(topic, partitionId) === undefined
          ? {
            partitionId,
            errorCode: Code.UNKNOWN_TOPIC_OR_PARTITION,
            errorMessage: `There is no partition ${partitionId} of ${JSON.stringify(topic)}.`,
          }
          : {
            partitionId,
            errorCode: Code.ELECTION_NOT_NEEDED,
            errorMessage: "Leader election not needed for topic partition.",
          }
      ),
    })),
  };
});
