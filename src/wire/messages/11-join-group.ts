import { array, boolean, bytes, int16, int32, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const joinGroup = message({
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32({ v: "1+", or: -1 }),
    memberId: string(),
    groupInstanceId: string({ v: "5+", nullable: "5+", or: null }),
    protocolType: string(),
    protocols: array({ name: string(), metadata: bytes() }),
    reason: string({ v: "8+", nullable: "8+", or: null }),
  },
  response: {
    throttleTimeMs: int32({ v: "2+", or: 0 }),
    errorCode: int16(),
    generationId: int32(),
    protocolType: string({ v: "7+", nullable: "7+", or: null }),
    protocolName: string({ nullable: "7+" }),
    leader: string(),
    skipAssignment: boolean({ v: "9+", or: false }),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ v: "5+", nullable: "5+", or: null }),
      metadata: bytes(),
    }),
  },
});
