import { Code } from "../../wire/error-codes.ts";
import { answerJoin, answerSync, type Group } from "./group.ts";
import { createMember, matches, type Member } from "./member.ts";
import { completeIfAllJoined, expirePending, joinedAnswer, prepare, rebalance, renewSession } from "./rebalance.ts";
import type { Surroundings } from "./settings.ts";
import { type Answer, type JoinAnswer, type JoinRequest, refusedJoin, refusedSync } from "./types.ts";

/** JoinGroup to a group that exists. It is answered now, or when the rebalance is over. */
export function join(group: Group, request: JoinRequest, around: Surroundings, answer: Answer<JoinAnswer>): void {
  const { memberId } = request;
  if (!hasRoom(group, memberId, around.settings.maxSize)) {
    group.remove(memberId);
    return answer(refusedJoin(Code.GROUP_MAX_SIZE_REACHED, ""));
  }
  if (!group.supports(request.protocolType, request.protocols)) {
    return answer(refusedJoin(Code.INCONSISTENT_GROUP_PROTOCOL, memberId));
  }
  if (memberId === "") joinNew(group, request, around, answer);
  else if (group.pendingMembers.has(memberId)) addMember(group, request, memberId, around, answer);
  else rejoin(group, request, around, answer);
}

function hasRoom(group: Group, memberId: string, maxSize: number): boolean {
  switch (group.state) {
    case "Empty":
    case "Dead":
      return true;
    case "PreparingRebalance":
      return group.members.get(memberId)?.join != null || group.joining < maxSize;
    case "CompletingRebalance":
    case "Stable":
      return group.members.has(memberId) || group.members.size < maxSize;
  }
}

function joinNew(group: Group, request: JoinRequest, around: Surroundings, answer: Answer<JoinAnswer>): void {
  const { groupInstanceId, clientId } = request;
  const newId = `${groupInstanceId ?? clientId}-${around.uuid()}`;
  if (groupInstanceId !== null) {
    const existing = group.members.get(group.staticMember(groupInstanceId) ?? "");
    if (existing === undefined) addMember(group, request, newId, around, answer);
    else replaceStatic(group, existing, newId, request, around, answer);
  } else if (request.requiresKnownMemberId) {
    group.pendingMembers.set(
      newId,
      around.timers.after(request.sessionTimeoutMs, () => expirePending(group, newId, around)),
    );
    answer(refusedJoin(Code.MEMBER_ID_REQUIRED, newId));
  } else addMember(group, request, newId, around, answer);
}

function addMember(
  group: Group,
  request: JoinRequest,
  id: string,
  around: Surroundings,
  answer: Answer<JoinAnswer>,
): void {
  const member = { ...createMember({ ...request, id }), join: answer, isNew: true };
  if (group.state === "PreparingRebalance" && group.previousState === "Empty") group.newMemberAdded = true;
  group.add(member, request.protocolType);
  // A client may have given up on its JoinGroup: a new member that is not heard of is not waited for, for ever.
  renewSession(group, member, around, around.settings.newMemberJoinTimeoutMs);
  rebalance(group, around, `${id} joins`);
}

function rejoin(group: Group, request: JoinRequest, around: Surroundings, answer: Answer<JoinAnswer>): void {
  const { memberId, groupInstanceId } = request;
  const error = group.validate(memberId, groupInstanceId);
  const member = group.members.get(memberId);
  if (error !== Code.NONE || member === undefined) return answer(refusedJoin(error, memberId));
  switch (group.state) {
    case "PreparingRebalance":
      return updateAndRebalance(group, member, request, around, answer);
    case "CompletingRebalance":
      // The answer to its first JoinGroup got lost, most likely.
      if (matches(member, request.protocols)) return answer(joinedAnswer(group, member, group.isLeader(memberId)));
      return updateAndRebalance(group, member, request, around, answer);
    case "Stable":
      // The leader rejoins when it wants to assign anew, a follower only when it has something new to say.
      if (group.isLeader(memberId) || !matches(member, request.protocols)) {
        return updateAndRebalance(group, member, request, around, answer);
      }
      return answer(joinedAnswer(group, member, false));
    case "Empty":
    case "Dead":
      return answer(refusedJoin(Code.UNKNOWN_MEMBER_ID, memberId));
  }
}

function update(member: Member, request: JoinRequest, answer: Answer<JoinAnswer>): void {
  member.protocols = request.protocols;
  member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
  member.sessionTimeoutMs = request.sessionTimeoutMs;
  member.join = answer;
}

function updateAndRebalance(
  group: Group,
  member: Member,
  request: JoinRequest,
  around: Surroundings,
  answer: Answer<JoinAnswer>,
): void {
  update(member, request, answer);
  rebalance(group, around, `${member.id} rejoins`);
}

/** A static member was started again: it takes the place of the one before it, which is fenced from now on. */
function replaceStatic(
  group: Group,
  old: Member,
  newId: string,
  request: JoinRequest,
  around: Surroundings,
  answer: Answer<JoinAnswer>,
): void {
  const leader = group.leaderId ?? "";
  answerJoin(old, refusedJoin(Code.FENCED_INSTANCE_ID, old.id));
  answerSync(old, refusedSync(Code.FENCED_INSTANCE_ID));
  const member = group.replace(old, newId);
  renewSession(group, member, around);
  update(member, request, answer);
  switch (group.state) {
    case "Stable": {
      if (group.selectProtocol() !== group.protocolName) {
        return rebalance(group, around, `${newId} changes the protocol`);
      }
      around.keep(group);
      const isLeader = group.isLeader(newId);
      // Before version 9 a leader could not be told to leave the assignment alone: it is given its old id as the
      // leader's, so that it takes itself for a follower.
      if (!request.canSkipAssignment) return answerJoin(member, { ...joinedAnswer(group, member, false), leader });
      return answerJoin(member, { ...joinedAnswer(group, member, isLeader), skipAssignment: isLeader });
    }
    case "CompletingRebalance":
      return prepare(group, around, `${newId} replaces ${old.id}`);
    case "PreparingRebalance":
    case "Empty":
    case "Dead":
      return completeIfAllJoined(group, around);
  }
}
