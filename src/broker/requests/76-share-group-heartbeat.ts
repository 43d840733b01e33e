import { UNSUPPORTED_VERSION } from "../codes.ts";
import { array, int16, int32, list, string, struct, uuid } from "../protocol/fields.ts";
import { api } from "./api.ts";
import { refuseProtocol } from "./refuse-protocol.ts";

/** Share groups (KIP-932), which are not there: refused as Kafka refuses them where `share.version` is 0. */
export const shareGroupHeartbeat = api({
  key: 76,
  name: "ShareGroupHeartbeat",
  versions: [1, 1],
  flexibleFrom: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: string({ nullable: "0+", or: null }),
    subscribedTopicNames: list(string(), { nullable: "0+", or: null }),
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
      asked: "a share group",
      advice: "use a consumer group, with group.protocol=classic",
    });
    return { errorCode: UNSUPPORTED_VERSION, errorMessage };
  },
});
