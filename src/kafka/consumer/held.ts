import type { Acknowledgements } from "../../core/acknowledgements.ts";
import { partitionKey } from "../../core/topic-partition.ts";
import type { TopicPartition } from "../../driver/driver.ts";

/** A partition that this member holds. */
export interface Held extends TopicPartition {
  /** Undefined until its position is known. */
  acks: Acknowledgements | undefined;
  /** On its way to another member, once what is in hand is finished. */
  leaving: boolean;
}

/** The partitions that this member holds. */
export class HeldPartitions {
  readonly #held = new Map<string, Held>();

  get size(): number {
    return this.#held.size;
  }

  all(): Held[] {
    return [...this.#held.values()];
  }

  has(partition: TopicPartition): boolean {
    return this.#held.has(partitionKey(partition));
  }

  add({ topic, partition }: TopicPartition): Held {
    const held: Held = { topic, partition, acks: undefined, leaving: false };
    this.#held.set(partitionKey(held), held);
    return held;
  }

  /** Whether it is held still, and was not lost and assigned again meanwhile. */
  isOurs(held: Held): boolean {
    return this.#held.get(partitionKey(held)) === held;
  }

  /** These are another's now: nothing of them is committed any more. */
  close(partitions: readonly Held[]): void {
    for (const held of partitions) {
      if (held.acks) held.acks.closed = true;
      this.#held.delete(partitionKey(held));
    }
  }
}

/** The acknowledgements of those whose positions are known. */
export function acksOf(partitions: Iterable<Held>): Acknowledgements[] {
  return [...partitions].flatMap(({ acks }) => acks ?? []);
}
