import { array, boolean, int16, int32, int8, list, NO_UUID, string, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const createTopics = message({
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
});
