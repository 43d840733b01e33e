import { createPartitions as message } from "../../wire/messages/37-create-partitions.ts";
import { Code } from "../../wire/error-codes.ts";
import { NODE_ID } from "../node.ts";
import { MAX_PARTITIONS } from "../topics/create-topic.ts";
import { api } from "./api.ts";

export const createPartitions = api(message, async (broker, { topics, validateOnly }) => {
  const answer = {
    results: topics.map(({ name, count, assignments }) => {
      const topic = broker.topics.get(name);
      if (topic === undefined) {
        return {
          name,
          errorCode: Code.UNKNOWN_TOPIC_OR_PARTITION,
          errorMessage: "This server does not host this topic.",
        };
      }
      const now = topic.partitions.length;
      const refused = (errorMessage: string, errorCode: Code = Code.INVALID_PARTITIONS) => ({
        name,
        errorCode,
        errorMessage,
      });
      if (count === now) return refused(`Topic already has ${now} partition(s).`);
      if (count < now) {
        return refused(`The topic ${name} currently has ${now} partition(s); ${count} would not be an increase.`);
      }
      if (count > MAX_PARTITIONS) return refused(`A topic can have ${MAX_PARTITIONS} partitions here.`);
      if (assignments !== null) {
        if (assignments.length !== count - now) {
          return refused(
            `Attempted to add ${
              count - now
            } additional partition(s), but only ${assignments.length} assignment(s) were specified.`,
            Code.INVALID_REPLICA_ASSIGNMENT,
          );
        }
        if (assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== NODE_ID)) {
          return refused("Only this broker can be assigned.", Code.INVALID_REPLICA_ASSIGNMENT);
        }
      }
      if (!validateOnly) broker.topics.grow(topic, count);
      return { name };
    }),
  };
  await broker.flushed();
  return answer;
});
