import { array, int16, int32, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const leaveGroup = message({
  key: 13,
  name: "LeaveGroup",
  versions: [0, 5],
  flexibleFrom: 4,
  request: {
    groupId: string(),
    memberId: string({ v: "0-2", or: "" }),
    members: array({
      memberId: string(),
      groupInstanceId: string({ nullable: "3+", or: null }),
      reason: string({ v: "5+", nullable: "5+", or: null }),
    }, { v: "3+", or: [] }),
  },
  response: {
    throttleTimeMs: int32({ v: "1+", or: 0 }),
    errorCode: int16(),
    members: array({
      memberId: string(),
      groupInstanceId: string({ nullable: "3+" }),
      errorCode: int16(),
    }, { v: "3+", or: [] }),
  },
});
