/** What members and the leader of a group write into JoinGroup and SyncGroup, and how it is read. */
import { groupBy } from "../../core/group-by.ts";
import type { TopicPartition } from "../../driver/driver.ts";
import { type Member, outcomes, type Plan } from "../../driver/group-plan.ts";
import { decodeSubscription, encodeAssignment, type TopicPartitions } from "../../wire/consumer-protocol.ts";
import type { JoinGroupResponse } from "../../wire/requests/11-join-group.ts";
import { encodeOutcome, isOfBefore, memberData } from "./user-data.ts";

/** What the leader gives one member in SyncGroup. */
export interface MemberAssignment {
  readonly memberId: string;
  readonly assignment: Uint8Array;
}

/** A member as it said itself in JoinGroup. */
export interface JoinedMember extends Member {
  /** Whether it understands only what members of before were told. */
  readonly isOld?: boolean;
}

/** A member as it describes itself to the leader. Throws `WireError` when it does not speak the consumer protocol. */
export function readMember(
  { memberId, groupInstanceId, metadata }: JoinGroupResponse["members"][number],
): JoinedMember {
  const { topics, userData, ownedPartitions, generationId } = decodeSubscription(metadata);
  return {
    memberId,
    instanceId: groupInstanceId,
    topics,
    owned: flat(ownedPartitions),
    generation: generationId,
    data: memberData(userData),
    isOld: isOfBefore(userData),
  };
}

/** If the group becomes larger than this, its members are told less. */
const TIGHT_BYTES = 900_000;

/** A plan as the members will read it. `others`: bytes that the group takes besides. */
export function writePlan(members: readonly JoinedMember[], plan: Plan, others = 0): MemberAssignment[] {
  const written = write(members, plan, false);
  const bytes = written.reduce((sum, { assignment }) => sum + assignment.length, others);
  return bytes > TIGHT_BYTES ? write(members, plan, true) : written;
}

function write(members: readonly JoinedMember[], plan: Plan, isTight: boolean): MemberAssignment[] {
  return outcomes(members, plan, isTight).map(({ member: { memberId, isOld }, outcome }) => ({
    memberId,
    assignment: encodeAssignment({
      partitions: byTopic(plan.partitions.get(memberId) ?? []),
      userData: encodeOutcome(outcome, isOld === true),
    }),
  }));
}

export function byTopic(partitions: readonly TopicPartition[]): TopicPartitions[] {
  return [...groupBy(partitions, ({ topic }) => topic)].map(([topic, group]) => ({
    topic,
    partitions: group.map(({ partition }) => partition).sort((a, b) => a - b),
  }));
}

export function flat(topics: readonly TopicPartitions[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
}
