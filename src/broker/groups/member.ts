import { type Answer, type JoinAnswer, NO_BYTES, type Protocol, type SyncAnswer } from "./types.ts";
import type { Timer } from "./timers.ts";

/** A member of a group. Its parked requests are answered by the group. */
export interface Member {
  readonly id: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  protocols: readonly Protocol[];
  assignment: Uint8Array;
  /** A parked JoinGroup. */
  join: Answer<JoinAnswer> | null;
  /** A parked SyncGroup. */
  sync: Answer<SyncAnswer> | null;
  /** It has not seen a generation yet: only then can it expire while its JoinGroup is parked. */
  isNew: boolean;
  session: Timer | null;
}

/** A member that waits for nothing yet. */
export function createMember(
  fields: Pick<
    Member,
    "id" | "groupInstanceId" | "clientId" | "clientHost" | "rebalanceTimeoutMs" | "sessionTimeoutMs" | "protocols"
  >,
): Member {
  return { ...fields, assignment: NO_BYTES, join: null, sync: null, isNew: false, session: null };
}

/** Whether the member offers exactly these protocols, in this order, with these bytes. */
export function matches(member: Member, protocols: readonly Protocol[]): boolean {
  return protocols.length === member.protocols.length && protocols.every((protocol, i) => {
    const own = member.protocols[i];
    return own !== undefined && own.name === protocol.name && sameBytes(own.metadata, protocol.metadata);
  });
}

/** The first of the member's protocols that is a candidate. */
export function vote(member: Member, candidates: ReadonlySet<string>): string | undefined {
  return member.protocols.find(({ name }) => candidates.has(name))?.name;
}

/** What the member says about itself under a protocol. */
export function metadataOf(member: Member, protocolName: string | null): Uint8Array {
  return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_BYTES;
}

/** Whether its session goes on without heartbeats: a request of its own is parked here. */
export function isParked(member: Member): boolean {
  return !member.isNew && (member.join !== null || member.sync !== null);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
