import { array, bytes, int16, int32, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const syncGroup = message({
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ v: "3+", nullable: "3+", or: null }),
    protocolType: string({ v: "5+", nullable: "5+", or: null }),
    protocolName: string({ v: "5+", nullable: "5+", or: null }),
    assignments: array({ memberId: string(), assignment: bytes() }),
  },
  response: {
    throttleTimeMs: int32({ v: "1+", or: 0 }),
    errorCode: int16(),
    protocolType: string({ v: "5+", nullable: "5+", or: null }),
    protocolName: string({ v: "5+", nullable: "5+", or: null }),
    assignment: bytes(),
  },
});
