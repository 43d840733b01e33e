import { int16, int32, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const heartbeat = message({
  key: 12,
  name: "Heartbeat",
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ v: "3+", nullable: "3+", or: null }),
  },
  response: { throttleTimeMs: int32({ v: "1+", or: 0 }), errorCode: int16() },
});
