import { type Call, makeCall } from "../call.ts";

export interface HeartbeatRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
}

export interface HeartbeatResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
}

/** Heartbeat, version 3. */
export function heartbeat(request: HeartbeatRequest): Call<HeartbeatResponse> {
  const { groupId, generationId, memberId, groupInstanceId = null } = request;
  return makeCall({
    apiKey: 12,
    apiName: "Heartbeat",
    apiVersion: 3,
    write: (w) => w.string(groupId).int32(generationId).string(memberId).nullableString(groupInstanceId),
    read: (r) => ({ throttleTimeMs: r.int32(), errorCode: r.int16() }),
  });
}
