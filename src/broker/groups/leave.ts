import { Code } from "../../wire/error-codes.ts";
import type { Group } from "./group.ts";
import { completeIfAllJoined, discard, rebalance } from "./rebalance.ts";
import type { Surroundings } from "./settings.ts";

/** One that is to leave; without a member id a static member, whose instance id is enough for an administrator. */
export interface Leaver {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** LeaveGroup of several members at once: an error code for each. */
export function leave(group: Group, leavers: readonly Leaver[], around: Surroundings): Code[] {
  const codes = leavers.map((leaver) => leaveOne(group, leaver));
  if (codes.includes(Code.NONE)) {
    if (group.state === "Stable" || group.state === "CompletingRebalance") rebalance(group, around, "a member leaves");
    else completeIfAllJoined(group, around);
  }
  return codes;
}

function leaveOne(group: Group, { memberId, groupInstanceId }: Leaver): Code {
  if (memberId !== "" && group.pendingMembers.has(memberId)) {
    group.forgetPending(memberId);
    return Code.NONE;
  }
  const id = memberId === "" ? group.staticMember(groupInstanceId ?? "") : memberId;
  const error = memberId === "" ? Code.UNKNOWN_MEMBER_ID : group.validate(memberId, groupInstanceId);
  const member = id === undefined ? undefined : group.members.get(id);
  if (member === undefined || (memberId !== "" && error !== Code.NONE)) return error;
  discard(group, member);
  return Code.NONE;
}
