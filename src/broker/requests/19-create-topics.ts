import { createTopics as message } from "../../wire/messages/19-create-topics.ts";
import { Code } from "../../wire/error-codes.ts";
import { describeTopic } from "../configs/describe.ts";
import { countPartitions, MAX_PARTITIONS, planTopic, TopicError } from "../topics/create-topic.ts";
import { NO_UUID } from "../../wire/protocol/fields.ts";
import { api } from "./api.ts";

export const createTopics = api(message, async (broker, { topics, validateOnly }) => {
  const defaultPartitions = broker.settings.number("num.partitions");
  const times = new Map<string, number>();
  for (const { name } of topics) times.set(name, (times.get(name) ?? 0) + 1);
  const once = topics.filter(({ name }) => times.get(name) === 1);
  const isTooMuch = countPartitions(once, defaultPartitions) > MAX_PARTITIONS;
  const answer = {
    topics: [...new Map(topics.map((asked) => [asked.name, asked])).values()].map((asked) => {
      const { name } = asked;
      if (times.get(name) !== 1) {
        return { name, errorCode: Code.INVALID_REQUEST, errorMessage: "Duplicate topic name.", configs: [] };
      }
      if (isTooMuch) {
        const errorMessage = "Excessively large number of partitions per request.";
        return { name, errorCode: Code.POLICY_VIOLATION, errorMessage, configs: [] };
      }
      const configs = asked.configs.map(({ name, value }) => [name, value] as const);
      const { replicationFactor, assignments, numPartitions } = asked;
      const plan = planTopic(
        broker.topics,
        { name, numPartitions, replicationFactor, assignments, configs },
        defaultPartitions,
      );
      if (plan instanceof TopicError) {
        return { name, errorCode: plan.code, errorMessage: plan.message, configs: [] };
      }
      const topic = validateOnly ? undefined : broker.topics.create(name, plan.partitions, plan.config);
      return {
        name,
        topicId: topic?.id ?? NO_UUID,
        numPartitions: plan.partitions,
        replicationFactor: 1,
        configs: describeTopic(plan.config, broker.settings).map(({ name, value, source }) => ({
          name,
          value,
          readOnly: false,
          configSource: source,
          isSensitive: false,
        })),
      };
    }),
  };
  await broker.flushed();
  return answer;
});
