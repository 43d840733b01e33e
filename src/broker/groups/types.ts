/** The states of a classic group, as `kafka-consumer-groups` shows them. */
export type GroupState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable" | "Dead";

/** One assignor that a member offers, with what it says about itself under it. */
export interface Protocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** Who asks: for the member's id and for those who describe the group. */
export interface Client {
  readonly clientId: string;
  readonly clientHost: string;
}

/** JoinGroup, whatever its version. */
export interface JoinRequest extends Client {
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly protocolType: string;
  readonly protocols: readonly Protocol[];
  /** Version 4 and newer: a new dynamic member is first told its id (KIP-394). */
  readonly requiresKnownMemberId: boolean;
  /** Version 9 and newer: a leader can be told to leave the assignment as it is (KIP-814). */
  readonly canSkipAssignment: boolean;
}

export interface JoinAnswer {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  /** Null is written as the empty string in versions that cannot say null. */
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  readonly members: readonly JoinedMember[];
}

export interface JoinedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly metadata: Uint8Array;
}

/** Who a member says it is, in the requests that follow a join. */
export interface MemberIdentity {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface SyncRequest extends MemberIdentity {
  /** Null: not said (before version 5). */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** Empty, except from the leader. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
}

export interface SyncAnswer {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Uint8Array;
}

/** How the one who waits for a parked request is answered. */
export type Answer<T> = (answer: T) => void;

export const NO_BYTES = new Uint8Array(0);

/** The answer to a JoinGroup that is refused. */
export function refusedJoin(errorCode: number, memberId: string): JoinAnswer {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: "",
    skipAssignment: false,
    memberId,
    members: [],
  };
}

/** The answer to a SyncGroup that is refused. */
export function refusedSync(errorCode: number): SyncAnswer {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES };
}
