import { type Call, tableCalls } from "../call.ts";
import { leaveGroup as message } from "../messages/13-leave-group.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type LeaveGroupRequest = Write<typeof message.request>;
export type LeaveGroupResponse = Read<typeof message.response>;

const call = tableCalls(message, 3);

/** LeaveGroup, version 3: oneself, or members that are known to be dead. */
export function leaveGroup(request: LeaveGroupRequest): Call<LeaveGroupResponse> {
  return call(request);
}
