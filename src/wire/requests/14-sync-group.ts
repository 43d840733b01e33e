import { type Call, tableCalls } from "../call.ts";
import { syncGroup as message } from "../messages/14-sync-group.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type SyncGroupRequest = Write<typeof message.request>;
export type SyncGroupResponse = Read<typeof message.response>;

const call = tableCalls(message, 3);

/** SyncGroup, version 3. `assignments`: empty except from the leader; `assignment`: see the consumer protocol. */
export function syncGroup(request: SyncGroupRequest): Call<SyncGroupResponse> {
  return call(request);
}
