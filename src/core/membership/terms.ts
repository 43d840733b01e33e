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
 * How long the answers of a round may take, in sessions. A JoinGroup is parked until the last has joined: whoever is silent
 * is dropped after a session. It is sent again then, over another connection, which changes nothing where it was parked.
 */
export const JOIN_SESSIONS: number = 2;
/** The leader's SyncGroup is answered as soon as it is written down. */
export const LEADING_SYNC_SESSIONS: number = 1 / 2;
/** Another's is parked until the leader has sent its own, or is found out to be silent. */
export const SYNC_SESSIONS: number = 3 / 2;
/** A JoinGroup that heartbeats know nothing of for so long, in sessions, is lost, or its answer is. */
export const MISSING_SESSIONS: number = 1 / 3;
/** After so many rounds in a row whose answers are surely lost a member gives up its place: the others wait for it. */
export const MOST_LOST_ROUNDS: number = 2;
