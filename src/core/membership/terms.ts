import type { LeaseTerms } from "../lease.ts";

/** The broker removes a member that has not rejoined for this many sessions: longer than any session that matters. */
const REBALANCE_SESSIONS = 5;

/** By what the lease of a member is measured that asks for this session, in ms. */
export function leaseTerms(sessionMs: number): LeaseTerms {
  return {
    session: sessionMs,
    rebalance: REBALANCE_SESSIONS * sessionMs,
    margin: Math.max(500, sessionMs / 12),
  };
}

/**
 * How long a JoinGroup is waited for, in sessions. It is parked until the last has joined, and whoever is silent is dropped
 * after a session. It is sent again then, over another connection, which changes nothing where it was parked.
 */
export const JOIN_SESSIONS: number = 5 / 4;
/** How long that of a static member is which the group is to know by its place alone, in sessions. */
export const STATIC_STRANGER_SESSIONS: number = REBALANCE_SESSIONS + 2;
/** How long a SyncGroup is: it is parked until the leader has sent its own, or is found out not to. */
export const SYNC_SESSIONS: number = 3 / 2;
