import type { Codecs } from "../../wire/codec.ts";
import { type BatchHeader, readBatchHeader, RECORDS } from "../../wire/record-batch.ts";
import type { Clock } from "../../core/clock.ts";
import { OFFSET_OUT_OF_RANGE, POLICY_VIOLATION } from "../codes.ts";
import { LEADER_EPOCH } from "../node.ts";
import { acceptBatch, stampBatch } from "./accept.ts";
import type { Evictable } from "./budget.ts";
import { clean } from "./clean.ts";
import type { LogConfig } from "./config.ts";
import { AppendError } from "./error.ts";
import { makeMarker, type MarkerType, readMarker } from "./marker.ts";
import { Producers, type Verification } from "./producers.ts";
import { type BatchPlace, Segment } from "./segment.ts";
import type { Stores } from "./stores.ts";

/** After how long a producer that does not write is forgotten: Kafka's `producer.id.expiration.ms`. */
const PRODUCER_EXPIRY = 86_400_000;

export interface AppendResult {
  readonly baseOffset: number;
  /** -1: the records have the producer's timestamps. Of a copy of an earlier batch, that one's time in any case. */
  readonly logAppendTime: number;
}

/** A transaction that was aborted: read-committed readers skip its records. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of its marker. */
  readonly lastOffset: number;
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
  readonly #segments: Segment[] = [];
  #aborted: AbortedTransaction[] = [];
  readonly #watchers = new Set<() => void>();
  #isGone = false;
  #startOffset = 0;
  #endOffset = 0;
  /** The segment for which room is being made: not to be dropped for it. */
  #growing: Segment | undefined;
  /** Up to here the log has been compacted. */
  #cleanedTo = 0;

  constructor(options: LogOptions) {
    this.#options = options;
    this.config = options.config;
    for (const { baseOffset, store } of options.stores.existing()) {
      const segment = new Segment(baseOffset, store, options.clock.wall());
      // A segment that compaction has merged into the one before it, and that a crash has left behind.
      if (baseOffset < this.#endOffset && this.#segments.length > 0) {
        store.remove();
        continue;
      }
      for (let position = 0; position < store.size;) position += this.#recall(segment, position);
      this.#segments.push(segment);
      this.#endOffset = Math.max(segment.endOffset, this.#endOffset);
    }
    const base = this.#segments[0]?.baseOffset ?? 0;
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
    return this.#segments.reduce((sum, segment) => sum + segment.size, 0);
  }

  get segments(): readonly Segment[] {
    return this.#segments;
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
    const segment = this.#room(bytes.length, now);
    const baseOffset = this.#endOffset;
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
    const segment = this.#room(bytes.length, now);
    const offset = this.#endOffset;
    const header = readBatchHeader(bytes);
    stampBatch({ header, bytes, maxTimestamp: now }, offset, LEADER_EPOCH, null);
    segment.append(bytes, offset, offset, now, now);
    this.#endOffset = offset + 1;
    this.#endTransaction(producerId, producerEpoch, coordinatorEpoch, now, offset, type);
    this.#changed();
    return offset;
  }

  /** Reads batches from the one that has the offset `from`. Throws `AppendError` (OFFSET_OUT_OF_RANGE). */
  read({ from, maxBytes, committed, atLeastOne }: ReadOptions): ReadResult {
    if (from < this.#startOffset || from > this.#endOffset) {
      throw new AppendError(OFFSET_OUT_OF_RANGE, `offset ${from} of ${this.#startOffset} to ${this.#endOffset}`);
    }
    const bound = committed ? this.lastStableOffset : this.#endOffset;
    const pieces: Uint8Array[] = [];
    let left = maxBytes;
    let reached = from;
    const found = this.#find(from);
    if (found !== undefined && found.batch.baseOffset < bound) {
      let { index, batch: { position, size } } = found;
      if (size > left && atLeastOne) left = size;
      if (size <= left) {
        for (
          let segment = this.#segments[index];
          segment !== undefined && left > 0;
          segment = this.#segments[++index]
        ) {
          const end = this.#positionOf(segment, bound);
          const length = Math.min(left, end - position);
          if (length > 0) pieces.push(segment.store.read(position, length));
          reached = Math.min(bound, segment.offsetAfter(position + length));
          left -= length;
          if (end < segment.size) break;
          position = 0;
        }
      }
    }
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    return { pieces, size, aborted: committed ? this.#abortedIn(from, reached) : null };
  }

  /** How many bytes could be read from an offset. */
  sizeFrom(from: number, committed: boolean): number {
    const bound = committed ? this.lastStableOffset : this.#endOffset;
    if (from >= bound) return 0;
    const found = this.#find(from);
    if (found === undefined || found.batch.baseOffset >= bound) return 0;
    let size = -found.batch.position;
    for (let index = found.index; index < this.#segments.length; index++) {
      const segment = this.#segments[index];
      if (segment === undefined || segment.baseOffset >= bound) break;
      size += this.#positionOf(segment, bound);
    }
    return size;
  }

  /** The batch with the first record of a time or later, whole; undefined if there is none. */
  batchAtTime(timestamp: number): Uint8Array | undefined {
    for (const segment of this.#segments) {
      const batch = segment.findByTime(timestamp, this.#startOffset);
      if (batch !== undefined) return segment.store.read(batch.position, batch.size);
    }
    return undefined;
  }

  /** The highest timestamp of all records; -1: there is none. */
  get maxTimestamp(): number {
    return this.#segments.reduce((max, segment) => Math.max(max, segment.maxTimestamp), -1);
  }

  /** Takes away what is before an offset, which is at most the end. What is in the way of whole segments goes at once. */
  deleteBefore(offset: number): void {
    if (offset <= this.#startOffset) return;
    this.#startOffset = offset;
    for (let first = this.#segments[0]; first !== undefined; first = this.#segments[0]) {
      const next = this.#segments[1]?.baseOffset ?? this.#endOffset;
      if (next > offset) break;
      // A new one begins where the last one ends, so that the log knows its end.
      if (this.#segments.length === 1) {
        if (first.size === 0) break;
        this.#roll(this.#options.clock.wall());
      }
      this.#segments.shift();
      first.store.remove();
    }
    this.#aborted = this.#aborted.filter(({ lastOffset }) => lastOffset >= offset);
    this.#options.onStart?.(offset);
    this.#changed();
  }

  /** Retention, compaction and forgetting: what Kafka does from time to time. */
  maintain(now: number): void {
    const { segmentMs, retentionMs, retentionBytes } = this.config;
    const active = this.#segments.at(-1);
    if (active !== undefined && active.size > 0 && now - active.createdAt > segmentMs) this.#roll(now);
    if (this.config.delete) {
      if (retentionMs >= 0) this.#retain((segment) => now - lastTime(segment) > retentionMs);
      if (retentionBytes >= 0) {
        let excess = this.size - retentionBytes;
        this.#retain((segment) => (excess -= segment.size) >= 0);
      }
    }
    if (this.config.compact) this.#compact(now);
    this.producers.expire(now, PRODUCER_EXPIRY);
  }

  get oldest(): number {
    return this.config.delete ? this.#evictable()?.touchedAt ?? Infinity : Infinity;
  }

  evictOldest(): void {
    const segment = this.#evictable();
    if (segment === undefined) return;
    this.deleteBefore(this.#segments[this.#segments.indexOf(segment) + 1]?.baseOffset ?? this.#endOffset);
  }

  /** Has a function called whenever there is more to read, or the log is gone; gives what ends that. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Resolves once all that was written so far survives a crash: at once when nothing is kept on disk. */
  async flushed(): Promise<void> {
    // A batch may be in a segment that has since been followed by another one.
    for (let index = this.#segments.length - 1; index >= 0; index--) {
      const store = this.#segments[index]?.store;
      if (store === undefined || (store.size > 0 && !store.isDirty)) return;
      await store.flushed();
    }
  }

  /** Takes all of its bytes away for good. */
  remove(): void {
    this.#isGone = true;
    for (const segment of this.#segments) segment.store.remove();
    this.#segments.length = 0;
    this.#options.stores.remove();
    this.#changed();
  }

  /** Lets go of its bytes. */
  close(): void {
    for (const segment of this.#segments) segment.store.close();
  }

  #evictable(): Segment | undefined {
    const first = this.#segments.find(({ size }) => size > 0);
    return first === this.#growing ? undefined : first;
  }

  /** The segment to append to, with room for so many bytes more. */
  #room(bytes: number, now: number): Segment {
    const limit = limitOf(this.config, this.#options.stores);
    let active = this.#segments.at(-1);
    const isFull = active !== undefined && active.size > 0 &&
      (active.size + bytes > limit || now - active.createdAt > this.config.segmentMs);
    if (active === undefined || isFull) active = this.#roll(now);
    this.#growing = active;
    const hasRoom = active.store.reserve(bytes);
    this.#growing = undefined;
    if (hasRoom) return active;
    throw new AppendError(
      POLICY_VIOLATION,
      "the broker's memory limit is reached and no topic may lose data: delete topics or records, or raise the limit",
    );
  }

  #roll(now: number): Segment {
    const { stores } = this.#options;
    const segment = new Segment(this.#endOffset, stores.create(this.#endOffset, limitOf(this.config, stores)), now);
    this.#segments.push(segment);
    return segment;
  }

  #retain(isOver: (segment: Segment) => boolean): void {
    let keepFrom = this.#startOffset;
    for (const [index, segment] of this.#segments.entries()) {
      if (segment.size === 0 || !isOver(segment)) break;
      keepFrom = this.#segments[index + 1]?.baseOffset ?? this.#endOffset;
    }
    this.deleteBefore(keepFrom);
  }

  #compact(now: number): void {
    const limit = limitOf(this.config, this.#options.stores);
    const cleaned = clean({
      segments: this.#segments.slice(0, -1),
      cleanedTo: this.#cleanedTo,
      upTo: this.lastStableOffset,
      aborted: this.#aborted,
      producers: this.producers,
      config: this.config,
      stores: this.#options.stores,
      codecs: this.#options.codecs ?? {},
      limit,
      now,
    });
    if (cleaned === undefined) return;
    this.#segments.splice(0, cleaned.replaced, ...cleaned.segments);
    this.#cleanedTo = cleaned.cleanedTo;
  }

  #find(offset: number): { index: number; batch: BatchPlace } | undefined {
    for (let index = this.#segmentOf(offset); index < this.#segments.length; index++) {
      const batch = this.#segments[index]?.find(offset);
      if (batch !== undefined) return { index, batch };
    }
    return undefined;
  }

  /** The last segment that begins at or before an offset. */
  #segmentOf(offset: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle]?.baseOffset ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }

  #positionOf(segment: Segment, bound: number): number {
    if (bound >= segment.endOffset) return segment.size;
    return bound <= segment.baseOffset ? 0 : segment.find(bound)?.position ?? segment.size;
  }

  #abortedIn(from: number, to: number): AbortedTransaction[] {
    return this.#aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < to);
  }

  #endTransaction(
    producerId: number,
    epoch: number,
    coordinatorEpoch: number,
    timestamp: number,
    offset: number,
    type: MarkerType,
  ): void {
    const firstOffset = this.producers.end(producerId, epoch, coordinatorEpoch, timestamp);
    if (type === "abort" && firstOffset !== undefined) {
      this.#aborted.push({ producerId, firstOffset, lastOffset: offset });
    }
  }

  /** Takes up a batch that is in the store from an earlier life; gives its size. */
  #recall(segment: Segment, position: number): number {
    const { size, baseOffset, lastOffset, maxTimestamp } = segment.at(position);
    segment.note(position, baseOffset, lastOffset, maxTimestamp);
    const header: BatchHeader = readBatchHeader(segment.store.read(position, RECORDS));
    if (header.producerId < 0) return size;
    if (!header.isControl) this.producers.append(header, baseOffset);
    else {
      const marker = readMarker(segment.store.read(position, size), header.recordCount);
      if (marker !== undefined) {
        const { producerId, producerEpoch } = header;
        this.#endTransaction(producerId, producerEpoch, marker.coordinatorEpoch, maxTimestamp, baseOffset, marker.type);
      }
    }
    return size;
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

function lastTime(segment: Segment): number {
  return segment.maxTimestamp < 0 ? segment.touchedAt : segment.maxTimestamp;
}

function limitOf(config: LogConfig, stores: Stores): number {
  return Math.min(config.segmentBytes, stores.segmentLimit);
}
