import { type Call, tableCalls } from "../call.ts";
import { heartbeat as message } from "../messages/12-heartbeat.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type HeartbeatRequest = Write<typeof message.request>;
export type HeartbeatResponse = Read<typeof message.response>;

const call = tableCalls(message, 3);

/** Heartbeat, version 3. */
export function heartbeat(request: HeartbeatRequest): Call<HeartbeatResponse> {
  return call(request);
}
