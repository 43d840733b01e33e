import { int16, int32, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const heartbeat = api({
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
  handle: (broker, request) => ({ errorCode: broker.groups.heartbeat(request) }),
});
