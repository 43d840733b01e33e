import { Code } from "../wire/error-codes.ts";

/** The one node of the cluster: it leads every partition and is its only replica. */
export const NODE_ID = 1;

/** The one leader never changes. */
export const LEADER_EPOCH = 0;

/** The error code for what a client believes the leader epoch to be; -1: it does not say. */
export function checkLeaderEpoch(believed: number): number {
  if (believed < 0 || believed === LEADER_EPOCH) return Code.NONE;
  return believed < LEADER_EPOCH ? Code.FENCED_LEADER_EPOCH : Code.UNKNOWN_LEADER_EPOCH;
}
