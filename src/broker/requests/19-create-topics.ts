import { INVALID_REQUEST } from "../codes.ts";
import { describeTopic } from "../describe.ts";
import { planTopic, TopicError } from "../plan.ts";
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
    const names = topics.map(({ name }) => name);
    const answer = {
      topics: topics.map((asked) => {
        const { name } = asked;
        if (names.indexOf(name) !== names.lastIndexOf(name)) {
          return { name, errorCode: INVALID_REQUEST, errorMessage: "Duplicate topic name.", configs: [] };
        }
        const configs = asked.configs.map(({ name, value }) => [name, value] as const);
        const { replicationFactor, assignments, numPartitions } = asked;
        const plan = planTopic(
          broker.topics,
          { name, numPartitions, replicationFactor, assignments, configs },
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
          configs: describeTopic(plan.config).map(({ name, value, source }) => ({
            name,
            value,
            readOnly: false,
            configSource: source,
            isSensitive: false,
          })),
        };
      }).filter(({ name }, index, all) => all.findIndex((other) => other.name === name) === index),
    };
    await broker.flushed();
    return answer;
  },
});
