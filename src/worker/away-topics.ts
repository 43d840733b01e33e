import type { Part } from "./transaction-part.ts";

/** What waits for a topic that takes nothing at the moment. */
export interface AwayLane<T> {
  readonly topic: string;
  readonly since: number;
  /** In the order of their coming. */
  readonly waiting: T[];
  /** What it takes in memory, roughly. */
  bytes: number;
  why: string;
  failures: number;
  /** When it is tried next, on the monotonic clock, and how many at once. */
  tryAt: number;
  atOnce: number;
}

/**
 * Lanes for what waits for topics that are away: what goes elsewhere passes them. A timer's runs keep their order, so that
 * what comes behind one that waits waits with it.
 */
export class AwayTopics<T extends { readonly part: Part }> {
  readonly #lanes = new Map<string, AwayLane<T>>();

  get size(): number {
    return this.#lanes.size;
  }

  get lanes(): readonly AwayLane<T>[] {
    return [...this.#lanes.values()];
  }

  /** The lane that has to be waited in; undefined: none. */
  laneOf({ records, timer }: Part): AwayLane<T> | undefined {
    if (this.#lanes.size === 0) return undefined;
    for (const { topic } of records) {
      const lane = this.#lanes.get(topic);
      if (lane) return lane;
    }
    if (timer === undefined) return undefined;
    return this.lanes.find(({ waiting }) => waiting.some(({ part }) => part.timer === timer));
  }

  /** The lane of a topic, made if there is none. */
  open(topic: string, why: string, now: number): AwayLane<T> {
    const known = this.#lanes.get(topic);
    if (known) return known;
    const lane: AwayLane<T> = { topic, since: now, waiting: [], bytes: 0, why, failures: 0, tryAt: now, atOnce: 1 };
    this.#lanes.set(topic, lane);
    return lane;
  }

  close({ topic }: AwayLane<T>): void {
    this.#lanes.delete(topic);
  }

  /** The one whose moment has come first. */
  get next(): AwayLane<T> | undefined {
    return this.lanes.reduce<AwayLane<T> | undefined>(
      (a, b) => a === undefined || b.tryAt < a.tryAt ? b : a,
      undefined,
    );
  }

  /** All that waits; nothing does any more. */
  clear(): T[] {
    const all = this.lanes.flatMap(({ waiting }) => waiting);
    this.#lanes.clear();
    return all;
  }
}
