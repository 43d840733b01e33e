/**
 * Who gets which partition, from what each has, without I/O. Sticky: a partition stays where it is unless loads cannot be as
 * even as subscriptions allow.
 */

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Who may be given partitions of some topics. */
export interface Subscriber {
  readonly memberId: string;
  readonly topics: readonly string[];
}

export function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

/**
 * Loads as even as subscriptions allow, with as few moves as it takes: every partition stays with its owner, those
 * without one are placed, and only if that cannot do, owned ones move. The loads that this ends with are the best there
 * are, and what was given up can be placed to the same loads in the next generation: so nothing moves then. What a member
 * has that takes nothing any more counts as on its way: it is placed last, so that what can be read now is spread evenly.
 */
export function balance(
  members: readonly Subscriber[],
  counts: ReadonlyMap<string, number>,
  owners: ReadonlyMap<string, string>,
): Loads {
  const loads = new Loads(members);
  const byMember = new Map(members.map((member) => [member.memberId, member]));
  const homeless: TopicPartition[] = [];
  const awaited: TopicPartition[] = [];
  for (const topic of [...counts.keys()].sort()) {
    for (let partition = 0; partition < (counts.get(topic) ?? 0); partition++) {
      const ownerId = owners.get(keyOf(topic, partition));
      const owner = byMember.get(ownerId ?? "");
      if (owner?.topics.includes(topic)) loads.place({ topic, partition }, owner);
      else (ownerId === undefined || owner ? homeless : awaited).push({ topic, partition });
    }
  }
  homeless.push(...awaited);
  const unowned = new Set(homeless);
  const free = (at: TopicPartition) => unowned.has(at);
  for (const at of homeless) {
    const member = loads.lightest(at.topic);
    if (member === undefined) continue;
    loads.place(at, member);
    loads.even(free);
  }
  loads.mix(free);
  const moves = loads.even(any);
  // A topic may lie on few members after many joins and leaves. Only when nothing else is on its way, and among members
  // that are alike: what it was given up for might be undone otherwise, again and again.
  if (homeless.length === 0 && moves === 0 && areAlike(members)) loads.mix(any);
  return loads;
}

function areAlike(members: readonly Subscriber[]): boolean {
  return new Set(members.map(({ topics }) => [...topics].sort().join())).size <= 1;
}

const any = () => true;

/** Who has what, while it is being worked out. */
class Loads {
  readonly #members: readonly Subscriber[];
  readonly #placed = new Map<Subscriber, Map<string, TopicPartition[]>>();
  readonly #total = new Map<Subscriber, number>();

  constructor(members: readonly Subscriber[]) {
    this.#members = [...members].sort(byId);
    for (const member of members) {
      this.#placed.set(member, new Map(member.topics.map((topic) => [topic, []])));
      this.#total.set(member, 0);
    }
  }

  all(member: Subscriber): TopicPartition[] {
    return [...this.#placed.get(member)?.values() ?? []].flat();
  }

  place(at: TopicPartition, member: Subscriber): void {
    this.#placed.get(member)?.get(at.topic)?.push(at);
    this.#total.set(member, this.#load(member) + 1);
  }

  /** Of those who may have a partition of this topic the one with least, in all and then of the topic. */
  lightest(topic: string): Subscriber | undefined {
    let best: Subscriber | undefined;
    for (const member of this.#members) {
      if (!member.topics.includes(topic)) continue;
      const lighter = best === undefined || this.#load(member) < this.#load(best) ||
        this.#load(member) === this.#load(best) && this.#of(member, topic) < this.#of(best, topic);
      if (lighter) best = member;
    }
    return best;
  }

  /**
   * As long as it makes loads more even: takes one partition's load from a heavy member to the lightest one it can go to,
   * directly or by way of others, since a light one may not have subscribed to what a heavy one has. Says how often.
   */
  even(movable: Movable): number {
    let times = 0;
    while (this.#relieve(movable)) times++;
    return times;
  }

  /** Has two members exchange partitions of two topics, as long as one has three more of a topic. */
  mix(movable: Movable): void {
    while (this.#exchange(movable));
  }

  #relieve(movable: Movable): boolean {
    const byWeight = [...this.#members].sort((a, b) => this.#load(b) - this.#load(a) || byId(a, b));
    const lowest = this.#load(byWeight.at(-1));
    // Whom a heavier one has reached in vain reaches nobody lighter either: without this it would take the leader of a
    // large group longer than its session.
    const inVain = new Set<Subscriber>();
    for (const heavy of byWeight) {
      if (this.#load(heavy) - lowest < 2) return false;
      if (inVain.has(heavy)) continue;
      const path = this.#wayDown(heavy, movable, inVain);
      if (path === undefined) continue;
      for (const { at, from, to } of path) this.#move(at, from, to);
      return true;
    }
    return false;
  }

  /** The shortest way from a heavy member to the lightest that it reaches, if that has less by two at least. */
  #wayDown(heavy: Subscriber, movable: Movable, inVain: Set<Subscriber>): Step[] | undefined {
    const steps = new Map<Subscriber, Step | undefined>([[heavy, undefined]]);
    let target: Subscriber | undefined;
    // Breadth first: what is added while it is gone through is gone through too.
    for (const from of steps.keys()) {
      for (const to of this.#members) {
        if (steps.has(to) || inVain.has(to)) continue;
        const at = this.#toGive(from, to, movable);
        if (at === undefined) continue;
        steps.set(to, { at, from, to });
        if (this.#load(to) < this.#load(target ?? heavy) - (target ? 0 : 1)) target = to;
      }
    }
    if (target === undefined) {
      for (const member of steps.keys()) inVain.add(member);
      return undefined;
    }
    const path: Step[] = [];
    for (let step = steps.get(target); step; step = steps.get(step.from)) path.push(step);
    return path;
  }

  /** A partition of the topic of which `from` has most more than `to`. */
  #toGive(from: Subscriber, to: Subscriber, movable: Movable): TopicPartition | undefined {
    let best: TopicPartition | undefined;
    let most = -Infinity;
    for (const [topic, placed] of this.#placed.get(from) ?? []) {
      const more = placed.length - this.#of(to, topic);
      if (more <= most || !to.topics.includes(topic)) continue;
      const at = placed.findLast(movable);
      if (at === undefined) continue;
      best = at;
      most = more;
    }
    return best;
  }

  #exchange(movable: Movable): boolean {
    for (const rich of this.#members) {
      for (const poor of this.#members) {
        const most = this.#toGive(rich, poor, movable);
        const back = this.#toGive(poor, rich, movable);
        if (most === undefined || back === undefined) continue;
        if (this.#of(rich, most.topic) - this.#of(poor, most.topic) < 3) continue;
        if (this.#of(poor, back.topic) - this.#of(rich, back.topic) < 1) continue;
        this.#move(most, rich, poor);
        this.#move(back, poor, rich);
        return true;
      }
    }
    return false;
  }

  #move(at: TopicPartition, from: Subscriber, to: Subscriber): void {
    const placed = this.#placed.get(from)?.get(at.topic) ?? [];
    placed.splice(placed.indexOf(at), 1);
    this.#total.set(from, this.#load(from) - 1);
    this.place(at, to);
  }

  #load(member: Subscriber | undefined): number {
    return member === undefined ? 0 : this.#total.get(member) ?? 0;
  }

  #of(member: Subscriber, topic: string): number {
    return this.#placed.get(member)?.get(topic)?.length ?? 0;
  }
}

/** Which partitions may be moved. */
type Movable = (at: TopicPartition) => boolean;

/** A partition on its way from one to another. */
interface Step {
  readonly at: TopicPartition;
  readonly from: Subscriber;
  readonly to: Subscriber;
}

function byId(a: Subscriber, b: Subscriber): number {
  return a.memberId < b.memberId ? -1 : 1;
}
