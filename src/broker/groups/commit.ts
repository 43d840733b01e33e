import { Code } from "../../wire/error-codes.ts";
import type { Group } from "./group.ts";
import { renewSession } from "./rebalance.ts";
import type { Surroundings } from "./settings.ts";
import type { MemberIdentity } from "./types.ts";

/**
 * Whether an offset may be committed: the error code if not. While members join, the old generation still may; between
 * the join and its own SyncGroup the new one may not yet.
 */
export function validateCommit(group: Group, request: MemberIdentity, isTransactional: boolean): Code {
  const { generationId, memberId, groupInstanceId } = request;
  if (group.state === "Dead") return Code.COORDINATOR_NOT_AVAILABLE;
  // Neither a member nor one that names itself: an administrator, or a consumer that assigns partitions to itself.
  if (generationId < 0 && group.state === "Empty") return Code.NONE;
  if (generationId >= 0 || memberId !== "" || groupInstanceId !== null) {
    const error = group.validate(memberId, groupInstanceId);
    if (error !== Code.NONE) return error;
    if (generationId !== group.generationId) return Code.ILLEGAL_GENERATION;
  } else if (!isTransactional && group.state !== "Empty") return Code.UNKNOWN_MEMBER_ID;
  return !isTransactional && group.state === "CompletingRebalance" ? Code.REBALANCE_IN_PROGRESS : Code.NONE;
}

/** A commit is a sign of life as good as a heartbeat. */
export function renewByCommit(group: Group, memberId: string, around: Surroundings): void {
  const member = group.members.get(memberId);
  if (member === undefined) return;
  if (group.state === "Stable" || group.state === "PreparingRebalance") renewSession(group, member, around);
}
