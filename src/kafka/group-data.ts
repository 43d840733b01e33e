/** What members and the leader of a group write into JoinGroup and SyncGroup, and how it is read. */
import { groupBy } from "../core/group-by.ts";
import type { TopicPartition } from "../driver/driver.ts";
import { decodeSubscription, encodeAssignment, type TopicPartitions } from "../wire/consumer-protocol.ts";
import type { JoinGroupResponse } from "../wire/requests/11-join-group.ts";
import type { Member, Plan } from "./assignor.ts";
import { encodeData, memberData, type PeerData } from "./profile.ts";

/** What the leader gives one member in SyncGroup. */
export interface MemberAssignment {
  readonly memberId: string;
  readonly assignment: Uint8Array;
}

/** A member as it describes itself to the leader. Throws `WireError` when it does not speak the consumer protocol. */
export function readMember({ memberId, groupInstanceId, metadata }: JoinGroupResponse["members"][number]): Member {
  const { topics, userData, ownedPartitions, generationId } = decodeSubscription(metadata);
  const owned = flat(ownedPartitions);
  return { memberId, instanceId: groupInstanceId, topics, owned, generation: generationId, data: memberData(userData) };
}

/** A plan as the members will read it. */
export function writePlan(members: readonly Member[], plan: Plan): MemberAssignment[] {
  const { partitions, master, patience, heir, resign } = plan;
  const data = {
    master: master?.data.incarnation ?? "",
    worker: master?.data.worker ?? "",
    instanceId: master?.instanceId ?? "",
    members: members.length,
    zones: master?.data.zones,
    patience,
    heir: heir?.data.worker ?? "",
    resign,
  };
  return members.map((member) => ({
    memberId: member.memberId,
    assignment: encodeAssignment({
      partitions: byTopic(partitions.get(member.memberId) ?? []),
      userData: encodeData({ ...data, peers: peersOf(member, members, plan) }),
    }),
  }));
}

/**
 * Whom a member is to watch: everybody the master and one more, its heir if it has one, and these two everybody, so that
 * two that die at once are seen too. Of static members only the master: one that is started again soon is to find its
 * place kept.
 */
function peersOf(member: Member, members: readonly Member[], { master, heir }: Plan): PeerData[] {
  const second = heir ?? members.find((each) => each !== master && each.data.presence !== undefined);
  const sentinels = [master, second].filter((each) => each !== undefined);
  const watched = (sentinels.includes(member) ? members : sentinels)
    .filter((each) => each !== member && (each === master || each.instanceId === null));
  return watched.flatMap(({ memberId, instanceId, data: { worker, presence } }) =>
    presence === undefined ? [] : [{ memberId, instanceId, worker, presence }]
  );
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
