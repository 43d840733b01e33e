import { Code } from "../../wire/error-codes.ts";
import { answerJoin, answerSync, type Group } from "./group.ts";
import { isParked, type Member } from "./member.ts";
import type { Surroundings } from "./settings.ts";
import { type JoinAnswer, NO_BYTES, refusedJoin, refusedSync } from "./types.ts";

/** Begins a rebalance, unless one has begun: then it may be over now. */
export function rebalance(group: Group, around: Surroundings, reason: string): void {
  if (group.canRebalance) prepare(group, around, reason);
  else completeIfAllJoined(group, around);
}

/** Makes everybody join again. */
export function prepare(group: Group, around: Surroundings, reason: string): void {
  if (group.state === "CompletingRebalance") dropAssignments(group, around);
  cancelSync(group);
  const initial = group.state === "Empty";
  group.to("PreparingRebalance", around.clock.wall());
  around.logger.debug(`group ${group.id} rebalances after generation ${group.generationId}: ${reason}`);
  if (initial) {
    const delay = around.settings.initialRebalanceDelayMs;
    waitForOthers(group, around, delay, Math.max(group.rebalanceTimeoutMs - delay, 0));
  } else if (group.allHaveJoined) complete(group, around);
  else scheduleJoin(group, around, group.rebalanceTimeoutMs, () => complete(group, around));
}

/** Ends a rebalance when nobody is missing. The first one of an empty group ends with its delay alone. */
export function completeIfAllJoined(group: Group, around: Surroundings): void {
  if (group.state !== "PreparingRebalance" || group.previousState === "Empty" || !group.allHaveJoined) return;
  complete(group, around);
}

/** Ends a rebalance: those that have not joined are out, the others get the next generation. */
export function complete(group: Group, around: Surroundings): void {
  group.joinTimer?.cancel();
  group.joinTimer = null;
  for (const { id, groupInstanceId, join } of [...group.members.values()]) {
    // A static member keeps its place until its session ends.
    if (join === null && groupInstanceId === null) group.remove(id);
  }
  if (group.state === "Dead") return;
  if (!group.electLeader() && group.members.size > 0) {
    // Only static members are left, and none of them has come back yet.
    scheduleJoin(group, around, group.rebalanceTimeoutMs, () => complete(group, around));
    return;
  }
  const now = around.clock.wall();
  group.nextGeneration(now);
  if (group.state === "Empty") {
    around.keep(group);
    return;
  }
  around.logger.debug(`group ${group.id} has generation ${group.generationId} with ${group.members.size} members`);
  for (const member of group.members.values()) {
    answerJoin(member, joinedAnswer(group, member, group.isLeader(member.id)));
    member.isNew = false;
    renewSession(group, member, around);
    group.pendingSyncs.add(member.id);
  }
  const { generationId } = group;
  group.syncTimer?.cancel();
  group.syncTimer = around.timers.after(group.rebalanceTimeoutMs, () => expireSyncs(group, around, generationId));
}

/** Restarts the wait for a member's next sign of life. */
export function renewSession(group: Group, member: Member, around: Surroundings, ms = member.sessionTimeoutMs): void {
  member.session?.cancel();
  member.session = around.timers.after(ms, () => expireSession(group, member.id, around));
}

/** Takes a member out, and answers what it has parked. */
export function discard(group: Group, member: Member): void {
  // One that is still there asks again, with no id, when it hears this.
  answerJoin(member, refusedJoin(Code.UNKNOWN_MEMBER_ID, ""));
  group.remove(member.id);
  // Kafka leaves a removed member's SyncGroup without an answer until the client gives up; this says the same sooner.
  answerSync(member, refusedSync(Code.UNKNOWN_MEMBER_ID));
}

/** Removes one that has been given an id and has not come back with it. */
export function expirePending(group: Group, memberId: string, around: Surroundings): void {
  group.forgetPending(memberId);
  if (group.state === "PreparingRebalance" && group.allHaveJoined) complete(group, around);
}

/** No SyncGroup is waited for any longer. */
export function cancelSync(group: Group): void {
  group.pendingSyncs.clear();
  group.syncTimer?.cancel();
  group.syncTimer = null;
}

function expireSession(group: Group, memberId: string, around: Surroundings): void {
  const member = group.members.get(memberId);
  if (member === undefined || group.state === "Dead" || isParked(member)) return;
  discard(group, member);
  if (group.state !== "PreparingRebalance") rebalance(group, around, `the session of ${memberId} is over`);
  else if (group.allHaveJoined) complete(group, around);
}

/** Members that never asked for their assignment are out. */
function expireSyncs(group: Group, around: Surroundings, generationId: number): void {
  const isOver = group.state !== "CompletingRebalance" && group.state !== "Stable";
  if (isOver || generationId !== group.generationId || group.pendingSyncs.size === 0) return;
  for (const memberId of [...group.pendingSyncs]) group.remove(memberId);
  prepare(group, around, "members have not asked for their assignments");
}

function dropAssignments(group: Group, around: Surroundings): void {
  for (const member of group.members.values()) {
    member.assignment = NO_BYTES;
    if (answerSync(member, refusedSync(Code.REBALANCE_IN_PROGRESS))) renewSession(group, member, around);
  }
}

function scheduleJoin(group: Group, around: Surroundings, ms: number, then: () => void): void {
  group.joinTimer?.cancel();
  group.joinTimer = around.timers.after(ms, then);
}

/** The first rebalance of an empty group waits as long as new members keep coming, at most their rebalance timeout. */
function waitForOthers(group: Group, around: Surroundings, delay: number, left: number): void {
  scheduleJoin(group, around, delay, () => {
    if (!group.newMemberAdded || left === 0) return complete(group, around);
    group.newMemberAdded = false;
    const next = Math.min(around.settings.initialRebalanceDelayMs, left);
    waitForOthers(group, around, next, Math.max(left - delay, 0));
  });
}

/** The answer to JoinGroup in the generation that is there; the leader's, and who is to know, has the members. */
export function joinedAnswer(group: Group, member: Member, withMembers: boolean): JoinAnswer {
  return {
    errorCode: Code.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? "",
    skipAssignment: false,
    memberId: member.id,
    members: withMembers ? group.joined() : [],
  };
}
