import { type Call, makeCall } from "../call.ts";

export interface LeaveGroupRequest {
  readonly groupId: string;
  /** Oneself, or members that are known to be dead. */
  readonly members: readonly { readonly memberId: string; readonly groupInstanceId?: string | null }[];
}

export interface LeaveGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly errorCode: number;
  }[];
}

/** LeaveGroup, version 3. */
export function leaveGroup({ groupId, members }: LeaveGroupRequest): Call<LeaveGroupResponse> {
  return makeCall({
    apiKey: 13,
    apiName: "LeaveGroup",
    apiVersion: 3,
    write: (w) =>
      w.string(groupId).array(
        members,
        ({ memberId, groupInstanceId = null }) => w.string(memberId).nullableString(groupInstanceId),
      ),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      errorCode: r.int16(),
      members: r.array(() => ({
        memberId: r.string(),
        groupInstanceId: r.nullableString(),
        errorCode: r.int16(),
      })),
    }),
  });
}
