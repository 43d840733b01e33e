import type { Part } from "./transaction-part.ts";

/** What waits for a topic that takes nothing at the moment. */
export interface AwayQueue<T> {
  readonly topic: string;
  readonly since: number;
  /** In the order of their coming. */
  waiting: T[];
  /** What it takes in memory, roughly. */
  bytes: number;
  why: string;
  failures: number;
  /** When it is tried next, on the monotonic clock, and how many at once. */
  tryAt: number;
  atOnce: number;
}

/** What can wait. */
export interface Awaiting {
  readonly part: Part;
  /** Its place among all: it came before those with a higher one. */
  readonly order: number;
  readonly bytes: number;
}

/**
 * Queues for what waits for topics that are away: what goes elsewhere passes them. A timer's runs keep their order: all of
 * them that wait are in one queue, whatever they write to.
 */
export class AwayTopics<T extends Awaiting> {
  readonly #queues = new Map<string, AwayQueue<T>>();
  /** Where a timer's runs wait, and how many. */
  readonly #timers = new Map<string, { queue: AwayQueue<T>; count: number }>();

  get size(): number {
    return this.#queues.size;
  }

  get queues(): readonly AwayQueue<T>[] {
    return [...this.#queues.values()];
  }

  /** The queue that has to be waited in; undefined: none. */
  queueOf(part: Part): AwayQueue<T> | undefined {
    return this.#queues.size === 0 ? undefined : this.queueOfTimer(part) ?? this.#queueOfTopic(part, this.#queues);
  }

  /** Where earlier runs of the same timer wait. */
  queueOfTimer({ timer }: Part): AwayQueue<T> | undefined {
    return timer === undefined ? undefined : this.#timers.get(timer)?.queue;
  }

  /** The queue of one of these topics that a part writes to, `first` if it is among them. */
  queueAmong(topics: ReadonlySet<string>, part: Part, first: AwayQueue<T> | undefined): AwayQueue<T> | undefined {
    const writes = first && topics.has(first.topic) && part.records.some(({ topic }) => topic === first.topic);
    return writes ? first : this.#queueOfTopic(part, topics);
  }

  #queueOfTopic({ records }: Part, among: { has(topic: string): boolean }): AwayQueue<T> | undefined {
    const found = records.find(({ topic }) => among.has(topic));
    return found && this.#queues.get(found.topic);
  }

  /** The queue of a topic, made if there is none. */
  open(topic: string, why: string, now: number): AwayQueue<T> {
    const known = this.#queues.get(topic);
    if (known) return known;
    const queue: AwayQueue<T> = { topic, since: now, waiting: [], bytes: 0, why, failures: 0, tryAt: now, atOnce: 1 };
    this.#queues.set(topic, queue);
    return queue;
  }

  /** Waits in a queue, in its place; what waits in another one of the same timer comes there too. */
  add(each: T, queue: AwayQueue<T>): void {
    const { timer } = each.part;
    const from = timer === undefined ? undefined : this.#timers.get(timer)?.queue;
    if (from && from !== queue) {
      const later = from.waiting.filter(({ part }) => part.timer === timer);
      from.waiting = from.waiting.filter(({ part }) => part.timer !== timer);
      for (const one of later) this.removed(one, from);
      for (const one of later) this.#insert(one, queue);
    }
    this.#insert(each, queue);
  }

  #insert(each: T, queue: AwayQueue<T>): void {
    const { part: { timer }, bytes, order } = each;
    queue.waiting.splice(placeOf(order, queue.waiting), 0, each);
    queue.bytes += bytes;
    if (timer === undefined) return;
    const known = this.#timers.get(timer);
    if (known) known.count++;
    else this.#timers.set(timer, { queue, count: 1 });
  }

  /** It was taken from its queue. */
  removed({ part: { timer }, bytes }: T, queue: AwayQueue<T>): void {
    queue.bytes -= bytes;
    const known = timer === undefined ? undefined : this.#timers.get(timer);
    if (timer !== undefined && known && --known.count === 0) this.#timers.delete(timer);
  }

  close({ topic }: AwayQueue<T>): void {
    this.#queues.delete(topic);
  }

  /** Whether something in another queue writes to its topic too. */
  isWrittenElsewhere({ topic }: AwayQueue<T>): boolean {
    return this.queues.some(({ waiting }) =>
      waiting.some(({ part }) => part.records.some((each) => each.topic === topic))
    );
  }

  /** The one whose moment has come first. */
  get next(): AwayQueue<T> | undefined {
    return this.queues.reduce<AwayQueue<T> | undefined>(
      (a, b) => a === undefined || b.tryAt < a.tryAt ? b : a,
      undefined,
    );
  }

  /** All that waits; nothing does any more. */
  clear(): T[] {
    const all = this.queues.flatMap(({ waiting }) => waiting);
    this.#queues.clear();
    this.#timers.clear();
    return all;
  }
}

/** Before how many of these, which are in order, it is not. */
function placeOf(order: number, among: readonly Awaiting[]): number {
  let [low, high] = [0, among.length];
  while (low < high) {
    const middle = low + high >> 1;
    if ((among[middle]?.order ?? 0) < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
