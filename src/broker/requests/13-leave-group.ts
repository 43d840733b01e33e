import { Code } from "../../wire/error-codes.ts";
import { array, int16, int32, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const leaveGroup = api({
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
  async handle(broker, { groupId, memberId, members }, { version }) {
    if (groupId === "") return { errorCode: Code.INVALID_GROUP_ID };
    const leavers = version < 3 ? [{ memberId, groupInstanceId: null }] : members;
    const codes = broker.groups.leave(groupId, leavers);
    await broker.groups.flushed();
    if (version < 3) return { errorCode: codes[0] ?? Code.NONE };
    return {
      errorCode: Code.NONE,
      members: leavers.map(({ memberId, groupInstanceId }, i) => ({
        memberId,
        groupInstanceId,
        errorCode: codes[i] ?? Code.NONE,
      })),
    };
  },
});
