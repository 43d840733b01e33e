import { int32, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";
import { groupHeartbeatResponse, refusesProtocol } from "./refuse-protocol.ts";

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
  response: groupHeartbeatResponse,
  handle: refusesProtocol({
    asked: "a share group",
    advice: "use a consumer group, with group.protocol=classic",
  }),
});
