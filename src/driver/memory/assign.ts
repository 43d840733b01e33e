import type { MemberProfile, Peer, TopicPartition } from "../driver.ts";

/** What a member says of itself. */
export interface MemberData extends Omit<MemberProfile, "mayBeMaster"> {
  /** Of this run of the process. */
  readonly incarnation: string;
  /** The generation in which it won the mastership that it still holds, or 0. */
  readonly claim: number;
  /** Whether it stands for election. */
  readonly eligible: boolean;
  /** For how many ms more a lease may be held that the others do not know of. */
  readonly patience: number;
  /** The incarnation of a master that is asked to stand down, or "". */
  readonly asks: string;
  /** Whether it is stopping: it takes no partitions, and is not elected. */
  readonly draining: boolean;
}

/** What a member joins with. */
export interface Subscription {
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** The generation that `owned` is from. */
  readonly generation: number;
  readonly data: MemberData;
}

/** A member as the group's leader sees it. */
export interface Subscriber extends Subscription {
  readonly memberId: string;
}

/** What the leader decides. */
export interface Plan {
  /** By member id. A partition that has to move is nobody's until its owner has given it up. */
  readonly partitions: ReadonlyMap<string, readonly TopicPartition[]>;
  readonly master: Subscriber | undefined;
  /** How long the master has to wait before it acts, in ms. */
  readonly patience: number;
  /** Who would be elected in the master's place. */
  readonly heir: Subscriber | undefined;
  /** Whether the master is asked to stand down for it. */
  readonly resign: boolean;
}

/**
 * Whom a member is to watch, as over Kafka: everybody the master and one more, and these two everybody.
 */
export function peersOf(member: Subscriber, members: readonly Subscriber[], { master, heir }: Plan): Peer[] {
  const second = heir ?? members.find((each) => each !== master && each.data.presence !== undefined);
  const sentinels = [master, second].filter((each) => each !== undefined);
  const watched = sentinels.includes(member) ? members : sentinels;
  return watched.flatMap(({ memberId: id, data: { worker, presence } }) =>
    id === member.memberId || presence === undefined ? [] : [{ id, worker, presence }]
  );
}

/**
 * Plans a generation, without I/O: sticky, and a claimant stays master. It is handed in, so that a simulation runs the
 * very one that runs in earnest. `counts`: partitions of each topic.
 */
export type Assign = (
  members: readonly Subscriber[],
  counts: ReadonlyMap<string, number>,
  leader: string,
) => Plan;
