import { array, int32, list, string, uuid } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { groupHeartbeatResponse } from "./group-heartbeat-response.ts";

/**
 * The consumer protocol of KIP-848, which is not there. It is listed all the same, and refused as Kafka refuses it where
 * `group.version` is 0: so that clients say what to set, and the broker can say which of them asked.
 */
export const consumerGroupHeartbeat = message({
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
  response: groupHeartbeatResponse,
});
