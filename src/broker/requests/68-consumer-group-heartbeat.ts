import { UNSUPPORTED_VERSION } from "../codes.ts";
import { array, int16, int32, list, string, struct, uuid } from "../protocol/fields.ts";
import { api } from "./api.ts";
import { refuseProtocol } from "./refuse-protocol.ts";

/**
 * The consumer protocol of KIP-848, which is not there. It is listed all the same, and refused as Kafka refuses it where
 * `group.version` is 0: so that clients say what to set, and the broker can say which of them asked.
 */
export const consumerGroupHeartbeat = api({
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: string({ nullable: "0+", or: null }),
    rackId: string({ nullable: "0+", or: null }),
    rebalanceTimeoutMs: int32({ or: -1 }),
    subscribedTopicNames: list(string(), { nullable: "0+", or: null }),
    subscribedTopicRegex: string({ v: "1+", nullable: "1+", or: null }),
    serverAssignor: string({ nullable: "0+", or: null }),
    topicPartitions: array({ topicId: uuid(), partitions: list(int32()) }, { nullable: "0+", or: null }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    memberId: string({ nullable: "0+", or: null }),
    memberEpoch: int32({ or: 0 }),
    heartbeatIntervalMs: int32({ or: 0 }),
    assignment: struct({ topicPartitions: array({ topicId: uuid(), partitions: list(int32()) }) }, {
      nullable: "0+",
      or: null,
    }),
  },
  handle(broker, { groupId, memberEpoch }, context) {
    const errorMessage = refuseProtocol(broker.logger, { groupId, memberEpoch }, context, {
      asked: "the consumer protocol of KIP-848",
      advice: "set group.protocol=classic",
    });
    return { errorCode: UNSUPPORTED_VERSION, errorMessage };
  },
});
