import type { TopicPartition } from "./topic-partition.ts";

/** Who may be given partitions of some topics. */
export interface Subscriber {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/** Which partitions may be moved: those that were only placed now, or those that their owners have as well. */
type Movable = "placed" | "any";

/** Pairs of members that are compared at most to mix topics: in the largest groups some topics may lie on few members. */
const MOST_COMPARED = 300_000;

/** What a member has of a topic. */
interface Pile {
  readonly kept: TopicPartition[];
  /** Placed now, or moved here: to move these once more costs nothing. */
  readonly placed: TopicPartition[];
}

/** In a search, instead of the member that another one was reached from. */
const [UNKNOWN, OUT] = [-1, -2];

/** How a search has come to each member. */
interface Search {
  /** Whom it was reached from; itself where the search began. */
  readonly from: Int32Array;
  /** Those reached, in order. */
  readonly reached: readonly number[];
  /** The lightest of them, of several the nearest. */
  readonly lightest: number;
}

/**
 * Who has what, while it is being worked out. Members and topics are numbers here. From a member that has a partition of a
 * topic which it may give, a search goes on to all who know the topic; so it looks at each topic and each member once.
 */
export class Loads {
  readonly #ids: readonly string[];
  readonly #memberOf: ReadonlyMap<string, number>;
  readonly #topicOf: ReadonlyMap<string, number>;
  /** The topics that each member knows, and the members that know each topic. */
  readonly #topics: readonly (readonly number[])[];
  readonly #knowing: readonly (readonly number[])[];
  readonly #piles: (Pile | undefined)[];
  readonly #of: Int32Array;
  readonly #load: Int32Array;

  constructor(members: readonly Subscriber[], topics: readonly string[]) {
    const sorted = [...members].sort((a, b) => a.memberId < b.memberId ? -1 : 1);
    const topicOf = this.#topicOf = new Map(topics.map((topic, index) => [topic, index]));
    this.#ids = sorted.map(({ memberId }) => memberId);
    this.#memberOf = new Map(this.#ids.map((id, index) => [id, index]));
    this.#topics = sorted.map((member) => [...new Set(member.topics.flatMap((topic) => topicOf.get(topic) ?? []))]);
    const knowing = topics.map((): number[] => []);
    for (const [member, known] of this.#topics.entries()) for (const topic of known) knowing[topic]?.push(member);
    this.#knowing = knowing;
    this.#piles = new Array(members.length * topics.length);
    this.#of = new Int32Array(members.length * topics.length);
    this.#load = new Int32Array(members.length);
  }

  /** By member id. */
  all(): Map<string, TopicPartition[]> {
    return new Map(this.#ids.map((id, member) => [
      id,
      (this.#topics[member] ?? []).flatMap((topic) => {
        const { kept = [], placed = [] } = this.#pile(member, topic) ?? {};
        return [...kept, ...placed];
      }),
    ]));
  }

  /** Leaves a partition with its owner; `false` if that is none, or does not know the topic any more. */
  keep(at: TopicPartition, owner: string): boolean {
    const [member, topic] = [this.#memberOf.get(owner), this.#topicOf.get(at.topic)];
    if (member === undefined || topic === undefined || !this.#topics[member]?.includes(topic)) return false;
    this.#add(at, member, topic, "kept");
    return true;
  }

  /**
   * Places partitions, each on the lightest member that knows its topic; then moves of what was placed some to others, so
   * that loads are the best there are without taking anything from an owner.
   */
  *place(partitions: readonly TopicPartition[]): Generator<void, void> {
    for (const at of partitions) {
      const topic = this.#topicOf.get(at.topic) ?? -1;
      const member = this.#lightest(this.#knowing[topic] ?? [], topic);
      if (member !== undefined) this.#add(at, member, topic, "placed");
      yield;
    }
    yield* this.even("placed");
  }

  /**
   * As long as it makes loads more even: takes one partition's load from a heavy member to the lightest one it can go to,
   * directly or by way of others, since a light one may not know what a heavy one has. Says how often.
   */
  *even(movable: Movable): Generator<void, number> {
    let moves = 0;
    let left = this.#ids.map((_, member) => member);
    for (;;) {
      yield;
      let [heavy, floor] = [-1, Infinity];
      for (const member of left) {
        const load = this.#loadOf(member);
        if (heavy < 0 || load > this.#loadOf(heavy)) heavy = member;
        if (load < floor) floor = load;
      }
      if (heavy < 0 || this.#loadOf(heavy) - floor < 2) return moves;
      const search = this.#search(heavy, movable, floor, left);
      if (this.#loadOf(heavy) - this.#loadOf(search.lightest) >= 2) {
        this.#shift(search, movable);
        moves++;
      } else {
        // Whom the heaviest has reached in vain nobody lighter need try to reach, nor can these reach anybody else.
        const done = new Set(search.reached);
        left = left.filter((member) => !done.has(member));
      }
    }
  }

  /** Has two members exchange partitions of two topics, as long as one has three more of a topic. */
  *mix(movable: Movable): Generator<void, void> {
    let compared = 0;
    for (let isMixed = false; !isMixed;) {
      isMixed = true;
      for (const [topic, knowing] of this.#knowing.entries()) {
        const before = new Map(knowing.map((member) => [member, this.#count(member, topic)]));
        const byCount = [...knowing].sort((a, b) => (before.get(b) ?? 0) - (before.get(a) ?? 0) || a - b);
        for (const rich of byCount) {
          yield;
          for (let index = byCount.length - 1; index >= 0; index--) {
            const poor = byCount[index] ?? rich;
            if ((before.get(rich) ?? 0) - (before.get(poor) ?? 0) < 3) break;
            if (++compared > MOST_COMPARED) return;
            while (this.#exchange(rich, poor, topic, movable)) isMixed = false;
          }
        }
      }
    }
  }

  #exchange(rich: number, poor: number, topic: number, movable: Movable): boolean {
    if (this.#count(rich, topic) - this.#count(poor, topic) < 3 || !this.#mayGive(rich, topic, movable)) return false;
    const back = this.#toGive(poor, rich, movable);
    if (back < 0 || this.#count(poor, back) - this.#count(rich, back) < 1) return false;
    this.#move(rich, poor, topic, movable);
    this.#move(poor, rich, back, movable);
    return true;
  }

  /** Whom a member's load can come to, among `within`. Ends when it has come to one whose load is `floor`. */
  #search(begin: number, movable: Movable, floor: number, within: readonly number[]): Search {
    const from = new Int32Array(this.#ids.length).fill(OUT);
    for (const member of within) from[member] = UNKNOWN;
    from[begin] = begin;
    const seen = new Uint8Array(this.#knowing.length);
    const reached = [begin];
    let lightest = begin;
    // Breadth first: what is added while it is gone through is gone through too.
    for (const member of reached) {
      if (this.#loadOf(lightest) <= floor) break;
      for (const topic of this.#topics[member] ?? []) {
        if (seen[topic] || !this.#mayGive(member, topic, movable)) continue;
        seen[topic] = 1;
        for (const to of this.#knowing[topic] ?? []) {
          if (from[to] !== UNKNOWN) continue;
          from[to] = member;
          reached.push(to);
          if (this.#loadOf(to) < this.#loadOf(lightest)) lightest = to;
        }
      }
    }
    return { from, reached, lightest };
  }

  /** Moves a partition on each step to the lightest that was found. */
  #shift({ from, lightest }: Search, movable: Movable): void {
    let to = lightest;
    for (let member = from[to] ?? to; member !== to; member = from[to] ?? to) {
      // What was only placed now has no owner to be taken from.
      this.#move(member, to, this.#toGive(member, to, movable, "placed"), movable);
      to = member;
    }
  }

  /**
   * The topic of which `from` has most more than `to`, and may give; -1: none. `prefers`: first those of which it has what
   * may be moved so.
   */
  #toGive(from: number, to: number, movable: Movable, prefers = movable): number {
    let [best, most, isFree] = [-1, -Infinity, false];
    for (const topic of this.#topics[from] ?? []) {
      if (!this.#mayGive(from, topic, movable) || !this.#topics[to]?.includes(topic)) continue;
      const more = this.#count(from, topic) - this.#count(to, topic);
      const free = this.#mayGive(from, topic, prefers);
      if (free === isFree ? more <= most : isFree) continue;
      [best, most, isFree] = [topic, more, free];
    }
    return best;
  }

  /** The member with least, in all and then of the topic. */
  #lightest(members: readonly number[], topic: number): number | undefined {
    let best: number | undefined;
    for (const member of members) {
      const more = best === undefined ? -1 : this.#loadOf(member) - this.#loadOf(best) ||
        this.#count(member, topic) - this.#count(best, topic);
      if (more < 0) best = member;
    }
    return best;
  }

  #move(from: number, to: number, topic: number, movable: Movable): void {
    const pile = this.#pile(from, topic);
    const at = pile?.placed.pop() ?? (movable === "any" ? pile?.kept.pop() : undefined);
    if (at === undefined) return;
    this.#count(from, topic, -1);
    this.#add(at, to, topic, "placed");
  }

  #add(at: TopicPartition, member: number, topic: number, how: keyof Pile): void {
    const pile = this.#piles[member * this.#knowing.length + topic] ??= { kept: [], placed: [] };
    pile[how].push(at);
    this.#count(member, topic, 1);
  }

  #mayGive(member: number, topic: number, movable: Movable): boolean {
    const pile = this.#pile(member, topic);
    return pile !== undefined && (pile.placed.length > 0 || movable === "any" && pile.kept.length > 0);
  }

  #pile(member: number, topic: number): Pile | undefined {
    return this.#piles[member * this.#knowing.length + topic];
  }

  /** How many a member has of a topic; `more`: from now on. */
  #count(member: number, topic: number, more = 0): number {
    const place = member * this.#knowing.length + topic;
    const count = (this.#of[place] ?? 0) + more;
    if (more !== 0) {
      this.#of[place] = count;
      this.#load[member] = this.#loadOf(member) + more;
    }
    return count;
  }

  #loadOf(member: number): number {
    return this.#load[member] ?? 0;
  }
}
