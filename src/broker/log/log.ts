import type { Codecs } from "../../wire/codec.ts";
import { readBatchHeader } from "../../wire/record-batch.ts";
import type { Clock } from "../../core/clock.ts";
import { Code } from "../../wire/error-codes.ts";
import { LEADER_EPOCH } from "../node.ts";
import { type AbortedTransaction, AbortedTransactions } from "./aborted.ts";
import { acceptBatch, stampBatch } from "./validate.ts";
import type { Evictable } from "./budget.ts";
import { clean } from "./clean.ts";
import type { LogConfig } from "./config.ts";
import { AppendError } from "./error.ts";
import { makeMarker, type MarkerType } from "./marker.ts";
import { Producers, type Verification } from "./producers.ts";
import { batchesAtTime, readBatches, sizeBetween } from "./read.ts";
import { recallBatch } from "./recovery.ts";
import { keepFrom } from "./retention.ts";
import { Segments } from "./segments.ts";
import type { Stores } from "./stores.ts";

/** After how long a producer that does not write is forgotten: Kafka's `producer.id.expiration.ms`. */
const PRODUCER_EXPIRY_MS = 86_400_000;

export interface AppendResult {
  readonly baseOffset: number;
  /** -1: the records have the producer's timestamps. Of a copy of an earlier batch, that one's time in any case. */
  readonly logAppendTime: number;
}

export interface ReadOptions {
  readonly from: number;
  readonly maxBytes: number;
  /** Up to the last stable offset only, with the aborted transactions. */
  readonly committed: boolean;
  /** A first batch that is larger than `maxBytes` comes all the same. */
  readonly atLeastOne: boolean;
}

export interface ReadResult {
  readonly pieces: Uint8Array[];
  readonly size: number;
  /** Null unless read committed. */
  readonly aborted: AbortedTransaction[] | null;
}

export interface LogOptions {
  readonly config: LogConfig;
  readonly stores: Stores;
  readonly clock: Clock;
  readonly codecs?: Codecs;
  /** The first offset that is still there, if that was not where the first segment begins. */
  readonly startOffset?: number;
  /** Called when the first offset has changed to within a segment. */
  readonly onStart?: (offset: number) => void;
}

/**
 * A partition: record batches as they came, in segments, with its producers and transactions. With one replica all that
 * is written can be read, so the end is the high watermark.
 */
export class Log implements Evictable {
  config: LogConfig;
  readonly producers = new Producers();
  readonly #options: LogOptions;
  readonly #segments: Segments;
  readonly #aborted = new AbortedTransactions();
  readonly #watchers = new Set<() => void>();
  #isGone = false;
  #startOffset = 0;
  #endOffset = 0;
  /** Up to here the log has been compacted. */
  #cleanedTo = 0;

  constructor(options: LogOptions) {
    this.#options = options;
    this.config = options.config;
    this.#segments = new Segments(options.stores);
    this.#segments.recall(
      options.clock.wall(),
      (segment, position) => recallBatch(segment, position, this.producers, this.#aborted),
    );
    this.#endOffset = this.#segments.active?.endOffset ?? 0;
    const base = this.#segments.all[0]?.baseOffset ?? 0;
    this.#startOffset = Math.min(Math.max(options.startOffset ?? base, base), this.#endOffset);
  }

  /** The first offset that is still there. */
  get startOffset(): number {
    return this.#startOffset;
  }

  /** The offset that the next record gets: the high watermark. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Where the first transaction that is still open begins, else the end. */
  get lastStableOffset(): number {
    return Math.max(Math.min(this.producers.firstUnstable ?? Infinity, this.#endOffset), this.#startOffset);
  }

  /** Whether it has been removed. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Bytes. */
  get size(): number {
    return this.#segments.size;
  }

  /**
   * Appends one batch as a client has sent it, or finds it written before. Throws `AppendError`. The batch's bytes are
   * stamped with offset, leader epoch and, if the topic says so, the time.
   */
  append(sent: Uint8Array, verification?: Verification): AppendResult {
    const now = this.#options.clock.wall();
    const accepted = acceptBatch(sent, this.config, now, this.#options.codecs ?? {});
    const { header, bytes } = accepted;
    const logAppendTime = this.config.logAppendTime ? now : -1;
    if (header.producerId >= 0) {
      const duplicate = this.producers.duplicateOf(header);
      if (duplicate !== undefined) {
        return { baseOffset: duplicate.baseOffset, logAppendTime: duplicate.timestamp };
      }
      this.producers.check(header, verification);
    }
    const baseOffset = this.#endOffset;
    const segment = this.#segments.room(bytes.length, this.config, baseOffset, now);
    const maxTimestamp = stampBatch(accepted, baseOffset, LEADER_EPOCH, this.config.logAppendTime ? now : null);
    segment.append(bytes, baseOffset, baseOffset + header.lastOffsetDelta, maxTimestamp, now);
    this.#endOffset = segment.endOffset;
    if (header.producerId >= 0) this.producers.append({ ...header, maxTimestamp }, baseOffset);
    this.#changed();
    return { baseOffset, logAppendTime };
  }

  /**
   * Writes a commit or abort marker of a producer and ends its open transaction here, if there is one. Gives the marker's
   * offset. Throws `AppendError` for an epoch of the producer or the coordinator that is lower than one seen before.
   */
  appendMarker(producerId: number, producerEpoch: number, coordinatorEpoch: number, type: MarkerType): number {
    this.producers.checkMarker(producerId, producerEpoch, coordinatorEpoch);
    const now = this.#options.clock.wall();
    const bytes = makeMarker(type, producerId, producerEpoch, coordinatorEpoch, now);
    const offset = this.#endOffset;
    const segment = this.#segments.room(bytes.length, this.config, offset, now);
    const header = readBatchHeader(bytes);
    stampBatch({ header, bytes, maxTimestamp: now }, offset, LEADER_EPOCH, null);
    segment.append(bytes, offset, offset, now, now);
    this.#endOffset = offset + 1;
    const firstOffset = this.producers.end(producerId, producerEpoch, coordinatorEpoch, now);
    if (type === "abort") this.#aborted.add(producerId, firstOffset, offset);
    this.#changed();
    return offset;
  }

  /** Reads batches from the one that has the offset `from`. Throws `AppendError` (OFFSET_OUT_OF_RANGE). */
  read({ from, maxBytes, committed, atLeastOne }: ReadOptions): ReadResult {
    if (from < this.#startOffset || from > this.#endOffset) {
      throw new AppendError(Code.OFFSET_OUT_OF_RANGE, `offset ${from} of ${this.#startOffset} to ${this.#endOffset}`);
    }
    const bound = committed ? this.lastStableOffset : this.#endOffset;
    const { pieces, size, reached } = readBatches(this.#segments, from, bound, maxBytes, atLeastOne);
    return { pieces, size, aborted: committed ? this.#aborted.within(from, reached) : null };
  }

  /** How many bytes could be read from an offset. */
  sizeFrom(from: number, committed: boolean): number {
    return sizeBetween(this.#segments, from, committed ? this.lastStableOffset : this.#endOffset);
  }

  /** The batches, whole, in which the first record of a time or later is to be looked for, in their order. */
  batchesAtTime(timestamp: number): IterableIterator<Uint8Array> {
    return batchesAtTime(this.#segments, timestamp, this.#startOffset);
  }

  /** The highest timestamp of all records; -1: there is none. */
  get maxTimestamp(): number {
    return this.#segments.all.reduce((max, segment) => Math.max(max, segment.maxTimestamp), -1);
  }

  /** Takes away what is before an offset, which is at most the end. What is in the way of whole segments goes at once. */
  deleteBefore(offset: number): void {
    if (offset <= this.#startOffset) return;
    this.#startOffset = offset;
    const segments = this.#segments;
    for (let first = segments.all[0]; first !== undefined; first = segments.all[0]) {
      if (segments.endOf(0, this.#endOffset) > offset) break;
      // A new one begins where the last one ends, so that the log knows its end.
      if (segments.active === first) {
        if (first.size === 0) break;
        segments.roll(this.config, this.#endOffset, this.#options.clock.wall());
      }
      segments.shift();
    }
    this.#aborted.dropBefore(offset);
    this.#options.onStart?.(offset);
    this.#changed();
  }

  /** Retention, compaction and forgetting: what Kafka does from time to time. */
  maintain(now: number): void {
    const { active } = this.#segments;
    if (active !== undefined && active.size > 0 && now - active.createdAt > this.config.segmentMs) {
      this.#segments.roll(this.config, this.#endOffset, now);
    }
    if (this.config.delete) this.deleteBefore(keepFrom(this.#segments, this.config, this.#endOffset, now));
    if (this.config.compact) this.#compact(now);
    this.producers.expire(now, PRODUCER_EXPIRY_MS);
  }

  get oldest(): number {
    return this.config.delete ? this.#segments.evictable?.segment.touchedAt ?? Infinity : Infinity;
  }

  evictOldest(): void {
    const found = this.#segments.evictable;
    if (found !== undefined) this.deleteBefore(this.#segments.endOf(found.index, this.#endOffset));
  }

  /** Has a function called whenever there is more to read, or the log is gone; gives what ends that. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Resolves once all that was written so far survives a crash: at once when nothing is kept on disk. */
  flushed(): Promise<void> {
    return this.#segments.flushed();
  }

  /** How many files, or pieces of memory, it is in. */
  get segmentCount(): number {
    return this.#segments.all.length;
  }

  /** Takes all of its bytes away for good. */
  remove(): void {
    this.#isGone = true;
    this.#segments.remove();
    this.#changed();
  }

  /** Lets go of its bytes. */
  close(): void {
    this.#segments.close();
  }

  #compact(now: number): void {
    const cleaned = clean({
      segments: this.#segments.all.slice(0, -1),
      cleanedTo: this.#cleanedTo,
      upTo: this.lastStableOffset,
      aborted: this.#aborted.all,
      producers: this.producers,
      config: this.config,
      stores: this.#options.stores,
      codecs: this.#options.codecs ?? {},
      limit: this.#segments.limit(this.config),
      now,
    });
    if (cleaned === undefined) return;
    this.#segments.replace(cleaned.replaced, cleaned.segments);
    this.#cleanedTo = cleaned.cleanedTo;
    // Their records are gone.
    if (cleaned.isWhole) this.#aborted.dropBefore(cleaned.cleanedTo);
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}
