import { int32, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { groupHeartbeatResponse } from "./group-heartbeat-response.ts";

/** Share groups (KIP-932), which are not there: refused as Kafka refuses them where `share.version` is 0. */
export const shareGroupHeartbeat = message({
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
});
