import { Code } from "../../wire/error-codes.ts";
import { array, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

/** The one broker leads everything that there is, so no election is ever needed. */
export const electLeaders = api({
  key: 43,
  name: "ElectLeaders",
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    electionType: int8({ v: "1+", or: 0 }),
    topicPartitions: array({ topic: string(), partitions: list(int32()) }, { nullable: "0+" }),
    timeoutMs: int32({ or: 60_000 }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ v: "1+", or: Code.NONE }),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: "0+" }),
      }),
    }),
  },
  handle(broker, { topicPartitions }) {
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
  },
});
