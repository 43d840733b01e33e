import type { Instant } from "../../core/lease.ts";
import type { ProducedPartition } from "../../wire/requests/00-produce.ts";
import type { Batch } from "../producer/batch.ts";
import type { PartitionQueue } from "../producer/partition-queue.ts";

/** What became of a partition's messages. */
export interface Written {
  /** The offset of the first. */
  readonly first: number;
  /** The offset after the last. */
  readonly end: number;
  /** Of the first message of each batch. */
  readonly offsets: Map<Batch, number>;
  /** When the last batch was appended, in ms since the epoch; -1 where the topic keeps the producer's time. */
  readonly appended: number;
  /** Before that, by our clocks, and after it. */
  readonly sent: Instant;
  readonly answered: Instant;
}

/** Puts together what became of each partition's messages, batch after batch. */
export class WrittenSoFar {
  readonly #written = new Map<PartitionQueue, Written>();
  readonly #firstSent = new Map<Batch, Instant>();

  get all(): ReadonlyMap<PartitionQueue, Written> {
    return this.#written;
  }

  /** It is sent, perhaps again. */
  sent(batch: Batch, now: Instant): void {
    if (!this.#firstSent.has(batch)) this.#firstSent.set(batch, now);
  }

  took(
    queue: PartitionQueue,
    batch: Batch,
    { baseOffset, logAppendTimeMs }: ProducedPartition,
    answered: Instant,
  ): void {
    const sent = this.#firstSent.get(batch) ?? answered;
    this.#firstSent.delete(batch);
    const before = this.#written.get(queue);
    const offsets = before?.offsets ?? new Map<Batch, number>();
    this.#written.set(queue, {
      offsets: offsets.set(batch, baseOffset),
      first: before?.first ?? baseOffset, // the first goes alone
      end: Math.max(before?.end ?? 0, baseOffset + batch.count), // a later one may be answered before
      appended: logAppendTimeMs,
      sent,
      answered,
    });
  }
}
