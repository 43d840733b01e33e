import { type Call, makeCall } from "../call.ts";

export interface SyncGroupRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  /** Empty except from the leader. `assignment`: see the consumer protocol. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
}

export interface SyncGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  /** Empty if the leader gave this member none, or on an error. */
  readonly assignment: Uint8Array;
}

/** SyncGroup, version 3. */
export function syncGroup(request: SyncGroupRequest): Call<SyncGroupResponse> {
  const { groupId, generationId, memberId, groupInstanceId = null, assignments } = request;
  return makeCall({
    apiKey: 14,
    apiName: "SyncGroup",
    apiVersion: 3,
    write: (w) =>
      w.string(groupId).int32(generationId).string(memberId).nullableString(groupInstanceId)
        .array(assignments, ({ memberId, assignment }) => w.string(memberId).bytes(assignment)),
    read: (r) => ({ throttleTimeMs: r.int32(), errorCode: r.int16(), assignment: r.bytes() }),
  });
}
