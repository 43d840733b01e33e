import type { ByteBudget } from "../../../core/byte-budget.ts";
import type { RoomNow } from "./fetch-node.ts";
import type { Reading, Readings } from "./reading.ts";

/** A partition with more than this waiting for its handler is not fetched; less if there are many. */
const WAITING_BYTES = 1 << 20;
export const LEAST_WAITING_BYTES = 64 << 10;
/** So many partitions at least of a crowded topic are asked for when it is their turn. */
const AT_A_TURN = 16;

/** How much of each partition may wait, so that all that is read has its share of the budget. */
export class FetchRoom {
  readonly #budget: ByteBudget;
  readonly #readings: Readings;
  /** Counts up when a topic becomes crowded, or ceases to be. */
  #turns = 0;

  constructor(budget: ByteBudget, readings: Readings) {
    this.#budget = budget;
    this.#readings = readings;
  }

  /** What there is room for, looked at before each request. */
  now(): RoomNow {
    const { full, limit, held } = this.#budget;
    const { inTopics } = this.#readings;
    const share = limit / 2 / Math.max(1, inTopics.size);
    for (const topic of inTopics.values()) {
      const isCrowded = full && topic.waiting >= share;
      if (topic.isCrowded === isCrowded) continue;
      topic.isCrowded = isCrowded;
      this.#turns++;
    }
    return { isFull: full, turns: this.#turns, most: Math.max(AT_A_TURN, (limit - held) / LEAST_WAITING_BYTES) };
  }

  /** Whether a partition may be asked for. */
  has({ waiting, notBefore, inTopic }: Reading, now: number): boolean {
    // Where nothing waits one batch may come all the same, unless much of the topic does: others, of another actor that is
    // slow, may have all the room there is.
    const room = waiting === 0 ? !inTopic.isCrowded : waiting < this.share && !this.#budget.full;
    return room && notBefore <= now;
  }

  /** How much of a partition may wait: all together half of what there is, since the other half is for what is open. */
  get share(): number {
    const share = this.#budget.limit / 2 / Math.max(1, this.#readings.size);
    return Math.max(LEAST_WAITING_BYTES, Math.min(WAITING_BYTES, Math.floor(share)));
  }
}
