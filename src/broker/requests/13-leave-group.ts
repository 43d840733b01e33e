import { leaveGroup as message } from "../../wire/messages/13-leave-group.ts";
import { Code } from "../../wire/error-codes.ts";
import { api } from "./api.ts";

export const leaveGroup = api(message, async (broker, { groupId, memberId, members }, { version }) => {
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
});
