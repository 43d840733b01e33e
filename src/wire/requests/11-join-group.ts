import { type Call, makeCall } from "../call.ts";

export interface JoinGroupRequest {
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** Empty at first: the answer is MEMBER_ID_REQUIRED and the id to come back with (KIP-394). */
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly protocolType: string;
  /** In the order of preference. `metadata`: see the consumer protocol's subscription. */
  readonly protocols: readonly { readonly name: string; readonly metadata: Uint8Array }[];
}

export interface JoinGroupResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolName: string;
  /** The member id of the one that has to assign. */
  readonly leader: string;
  readonly memberId: string;
  /** Empty except for the leader. */
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Uint8Array;
  }[];
}

/** JoinGroup, version 5. */
export function joinGroup(request: JoinGroupRequest): Call<JoinGroupResponse> {
  const { groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId, groupInstanceId = null } = request;
  return makeCall({
    apiKey: 11,
    apiName: "JoinGroup",
    apiVersion: 5,
    write: (w) => {
      w.string(groupId).int32(sessionTimeoutMs).int32(rebalanceTimeoutMs);
      w.string(memberId).nullableString(groupInstanceId).string(request.protocolType);
      w.array(request.protocols, ({ name, metadata }) => w.string(name).bytes(metadata));
    },
    read: (r) => ({
      throttleTimeMs: r.int32(),
      errorCode: r.int16(),
      generationId: r.int32(),
      protocolName: r.string(),
      leader: r.string(),
      memberId: r.string(),
      members: r.array(() => ({
        memberId: r.string(),
        groupInstanceId: r.nullableString(),
        metadata: r.bytes(),
      })),
    }),
  });
}
