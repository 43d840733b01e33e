import { type Call, tableCalls } from "../call.ts";
import { joinGroup as message } from "../messages/11-join-group.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type JoinGroupRequest = Write<typeof message.request>;
export type JoinGroupResponse = Read<typeof message.response>;

const call = tableCalls(message, 5);

/**
 * JoinGroup, version 5. `memberId`: empty at first, and the answer is MEMBER_ID_REQUIRED with the id to come back with
 * (KIP-394). `protocols`: in the order of preference. Of the answer `members` is empty except for the leader.
 */
export function joinGroup(request: JoinGroupRequest): Call<JoinGroupResponse> {
  return call(request);
}
