import { type Call, tableCall } from "../call.ts";
import { heartbeat as message } from "../messages/12-heartbeat.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type HeartbeatRequest = Write<typeof message.request>;
export type HeartbeatResponse = Read<typeof message.response>;

/** Heartbeat, version 3. */
export function heartbeat(request: HeartbeatRequest): Call<HeartbeatResponse> {
  return tableCall(message, 3, request);
}
