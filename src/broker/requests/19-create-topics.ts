import { Code } from "../../wire/error-codes.ts";
import { describeTopic } from "../configs/describe.ts";
import { countPartitions, MAX_PARTITIONS, planTopic, TopicError } from "../topics/create-topic.ts";
import { array, boolean, int16, int32, int8, list, NO_UUID, string, uuid } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const createTopics = api({
  key: 19,
  name: "CreateTopics",
  versions: [2, 7],
  flexibleFrom: 5,
  request: {
    topics: array({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array({
        partitionIndex: int32(),
        brokerIds: list(int32()),
      }),
      configs: array({
        name: string(),
        value: string({ nullable: "0+" }),
      }),
    }),
    timeoutMs: int32({ or: 60000 }),
    validateOnly: boolean({ or: false }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    topics: array({
      name: string(),
      topicId: uuid({ v: "7+", or: NO_UUID }),
      errorCode: int16({ or: 0 }),
      errorMessage: string({ nullable: "0+", or: null }),
      topicConfigErrorCode: int16({ v: "5+", tag: 0 }),
      numPartitions: int32({ v: "5+", or: -1 }),
      replicationFactor: int16({ v: "5+", or: -1 }),
      configs: array({
        name: string(),
        value: string({ nullable: "5+" }),
        readOnly: boolean(),
        configSource: int8({ or: -1 }),
        isSensitive: boolean(),
      }, { v: "5+", nullable: "5+", or: [] }),
    }),
  },
  async handle(broker, { topics, validateOnly }) {
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
  },
});
