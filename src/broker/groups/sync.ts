import { Code } from "../../wire/error-codes.ts";
import { answerSync, type Group } from "./group.ts";
import { cancelSync, renewSession } from "./rebalance.ts";
import type { Surroundings } from "./settings.ts";
import { type Answer, type MemberIdentity, NO_BYTES, refusedSync, type SyncAnswer, type SyncRequest } from "./types.ts";

/** SyncGroup: the leader's gives everybody an assignment, the others' wait for it. */
export function sync(group: Group, request: SyncRequest, around: Surroundings, answer: Answer<SyncAnswer>): void {
  const member = group.members.get(request.memberId);
  const error = refusal(group, request);
  if (error !== Code.NONE || member === undefined) return answer(refusedSync(error));
  if (group.state !== "CompletingRebalance") {
    asked(group, member.id);
    return answer(assigned(group, member.assignment));
  }
  member.sync = answer;
  asked(group, member.id);
  if (!group.isLeader(member.id)) return;
  const assignments = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment]));
  for (const each of group.members.values()) each.assignment = assignments.get(each.id) ?? NO_BYTES;
  group.to("Stable", around.clock.wall());
  around.keep(group);
  for (const each of group.members.values()) {
    if (answerSync(each, assigned(group, each.assignment))) renewSession(group, each, around);
  }
}

/** Heartbeat: the error code. In a rebalance it keeps the session and says that it is time to rejoin. */
export function heartbeat(group: Group, request: MemberIdentity, around: Surroundings): Code {
  if (group.state === "Dead") return Code.COORDINATOR_NOT_AVAILABLE;
  const error = group.validate(request.memberId, request.groupInstanceId);
  const member = group.members.get(request.memberId);
  if (error !== Code.NONE || member === undefined) return error;
  if (request.generationId !== group.generationId) return Code.ILLEGAL_GENERATION;
  renewSession(group, member, around);
  return group.state === "PreparingRebalance" ? Code.REBALANCE_IN_PROGRESS : Code.NONE;
}

function refusal(group: Group, request: SyncRequest): Code {
  if (group.state === "Empty") return Code.UNKNOWN_MEMBER_ID;
  if (group.state === "Dead") return Code.COORDINATOR_NOT_AVAILABLE;
  const error = group.validate(request.memberId, request.groupInstanceId);
  if (error !== Code.NONE) return error;
  if (request.generationId !== group.generationId) return Code.ILLEGAL_GENERATION;
  const { protocolType, protocolName } = request;
  const differs = (said: string | null, ours: string | null) => said !== null && ours !== null && said !== ours;
  if (differs(protocolType, group.protocolType) || differs(protocolName, group.protocolName)) {
    return Code.INCONSISTENT_GROUP_PROTOCOL;
  }
  return group.state === "PreparingRebalance" ? Code.REBALANCE_IN_PROGRESS : Code.NONE;
}

function asked(group: Group, memberId: string): void {
  group.pendingSyncs.delete(memberId);
  if (group.pendingSyncs.size === 0) cancelSync(group);
}

function assigned(group: Group, assignment: Uint8Array): SyncAnswer {
  return { errorCode: Code.NONE, protocolType: group.protocolType, protocolName: group.protocolName, assignment };
}
