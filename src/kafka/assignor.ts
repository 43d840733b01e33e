/**
 * Who gets which partition, and who is master: worked out by the group's leader, from what the members say, without I/O.
 * Sticky and incremental: a partition that has an owner goes to another only after the owner has given it up (KIP-429).
 */
import type { TopicPartition } from "../driver/driver.ts";
import type { MemberData } from "./profile.ts";

/** A member as the leader sees it. */
export interface Member {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** The generation that `owned` is from. */
  readonly generation: number;
  readonly data: MemberData;
}

/** What the leader decides. */
export interface Plan {
  /** By member id. A partition that has to move is nobody's until its owner has given it up. */
  readonly partitions: Map<string, TopicPartition[]>;
  readonly master: Member | undefined;
}

/** Plans a generation. `counts`: partitions of each topic. */
export function plan(members: readonly Member[], counts: ReadonlyMap<string, number>, leader: string): Plan {
  const owners = ownersOf(members);
  const target = balance(members, counts, owners);
  const partitions = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]));
  for (const { topic, partition, member } of target) {
    const owner = owners.get(keyOf(topic, partition));
    if (owner === undefined || owner === member.memberId) partitions.get(member.memberId)?.push({ topic, partition });
  }
  return { partitions, master: elect(members, leader) };
}

/**
 * A member that claims mastership keeps it, of several the one elected in the highest generation. Else the leader, which
 * is known to be alive, or the first of those that stand.
 */
export function elect(members: readonly Member[], leader: string): Member | undefined {
  const standing = members.filter(({ data }) => data.eligible);
  const claimants = standing.filter(({ data }) => data.claim > 0).sort((a, b) => b.data.claim - a.data.claim);
  return claimants[0] ?? standing.find(({ memberId }) => memberId === leader) ?? standing.sort(byId)[0];
}

export function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/** Who owns what. Of two that claim one partition the later generation is right; of the same generation neither is. */
function ownersOf(members: readonly Member[]): Map<string, string> {
  const claims = new Map<string, { memberId: string; generation: number }>();
  for (const { memberId, owned, generation } of members) {
    for (const { topic, partition } of owned) {
      const key = keyOf(topic, partition);
      const other = claims.get(key);
      if (other === undefined || other.generation < generation) claims.set(key, { memberId, generation });
      else if (other.generation === generation) claims.set(key, { memberId: "", generation });
    }
  }
  return new Map(
    [...claims].filter(([, { memberId }]) => memberId !== "").map(([key, { memberId }]) => [key, memberId]),
  );
}

interface Placed {
  readonly topic: string;
  readonly partition: number;
  member: Member;
}

/** Loads that differ by one at most, in all and by topic as far as that allows, with as few moves as it takes. */
function balance(
  members: readonly Member[],
  counts: ReadonlyMap<string, number>,
  owners: ReadonlyMap<string, string>,
): Placed[] {
  const load = new Loads(members);
  const placed: Placed[] = [];
  const homeless: { topic: string; partition: number }[] = [];
  for (const topic of [...counts.keys()].sort()) {
    const subscribed = members.filter(({ topics }) => topics.includes(topic)).sort(byId);
    if (subscribed.length === 0) continue;
    const count = counts.get(topic) ?? 0;
    const most = Math.ceil(count / subscribed.length);
    for (let partition = 0; partition < count; partition++) {
      const owner = subscribed.find(({ memberId }) => memberId === owners.get(keyOf(topic, partition)));
      if (owner && load.of(owner, topic) < most) placed.push(load.place(topic, partition, owner));
      else homeless.push({ topic, partition });
    }
  }
  for (const { topic, partition } of homeless) {
    const lightest = load.lightest(members.filter(({ topics }) => topics.includes(topic)), topic);
    if (lightest) placed.push(load.place(topic, partition, lightest));
  }
  // Keeping what each owns may leave the loads uneven: move one at a time from the heaviest to the lightest.
  for (let moves = placed.length; moves > 0; moves--) {
    const move = load.bestMove(placed, members);
    if (!move) break;
    load.move(move.from, move.to);
  }
  return placed;
}

/** How much each member has, in all and by topic. */
class Loads {
  readonly #total = new Map<Member, number>();
  readonly #byTopic = new Map<Member, Map<string, number>>();

  constructor(members: readonly Member[]) {
    for (const member of members) {
      this.#total.set(member, 0);
      this.#byTopic.set(member, new Map());
    }
  }

  of(member: Member, topic: string): number {
    return this.#byTopic.get(member)?.get(topic) ?? 0;
  }

  place(topic: string, partition: number, member: Member): Placed {
    this.#add(member, topic, 1);
    return { topic, partition, member };
  }

  lightest(candidates: readonly Member[], topic: string): Member | undefined {
    return [...candidates].sort((a, b) =>
      this.#all(a) - this.#all(b) || this.of(a, topic) - this.of(b, topic) || byId(a, b)
    )[0];
  }

  bestMove(placed: readonly Placed[], members: readonly Member[]): { from: Placed; to: Member } | undefined {
    const byWeight = [...members].sort((a, b) => this.#all(b) - this.#all(a) || byId(a, b));
    for (const heavy of byWeight) {
      for (const light of [...byWeight].reverse()) {
        if (this.#all(heavy) - this.#all(light) < 2) break;
        // Of a topic of which the heavy one has more than the light one, so that topics stay spread too.
        const from = placed
          .filter(({ member, topic }) => member === heavy && light.topics.includes(topic))
          .sort((a, b) =>
            this.of(heavy, b.topic) - this.of(light, b.topic) - this.of(heavy, a.topic) + this.of(light, a.topic)
          )[0];
        if (from) return { from, to: light };
      }
    }
    return undefined;
  }

  move(from: Placed, to: Member): void {
    this.#add(from.member, from.topic, -1);
    from.member = to;
    this.#add(to, from.topic, 1);
  }

  #all(member: Member): number {
    return this.#total.get(member) ?? 0;
  }

  #add(member: Member, topic: string, by: number): void {
    this.#total.set(member, this.#all(member) + by);
    this.#byTopic.get(member)?.set(topic, this.of(member, topic) + by);
  }
}

function byId(a: Member, b: Member): number {
  return a.memberId < b.memberId ? -1 : 1;
}
