import {
  BASE_OFFSET,
  BATCH_LENGTH,
  LAST_OFFSET_DELTA,
  LOG_OVERHEAD_BYTES,
  MAX_TIMESTAMP,
  RECORDS,
} from "../../wire/record-batch.ts";
import type { Store } from "./store.ts";

/** Bytes between two entries of the index, as Kafka's `index.interval.bytes`. */
const INDEX_INTERVAL_BYTES = 4096;

/** Where a batch is. */
export interface BatchPlace {
  readonly position: number;
  readonly size: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/** A stretch of a log: its batches in one store, with a sparse index by offset. */
export class Segment {
  readonly baseOffset: number;
  readonly store: Store;
  /** When it was begun and last written to, in ms by the broker's clock. */
  readonly createdAt: number;
  touchedAt: number;
  /** When its records were first compacted, if they were: tombstones stay for a while after that. */
  cleanedAt: number | undefined;
  /** The highest timestamp of its records; -1: it has none. */
  maxTimestamp = -1;
  /** The base offset of the first batch with that timestamp. */
  maxTimestampBase = -1;
  /** After its last record. */
  endOffset: number;
  // Entry i: a batch at positions[i] begins with offsets[i], and before it no timestamp is above timestamps[i].
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];
  readonly #timestamps: number[] = [];

  constructor(baseOffset: number, store: Store, now: number) {
    this.baseOffset = this.endOffset = baseOffset;
    this.store = store;
    this.createdAt = this.touchedAt = now;
  }

  get size(): number {
    return this.store.size;
  }

  /** Appends a batch that has its offsets; the store has reserved the room. */
  append(bytes: Uint8Array, baseOffset: number, lastOffset: number, maxTimestamp: number, now: number): void {
    const position = this.size;
    this.store.append(bytes);
    this.note(position, baseOffset, lastOffset, maxTimestamp);
    this.touchedAt = now;
  }

  /** Takes up a batch in the index, as `append` does; for one that is in the store already. */
  note(position: number, baseOffset: number, lastOffset: number, maxTimestamp: number): void {
    const previous = this.#positions.at(-1);
    if (previous === undefined || position - previous >= INDEX_INTERVAL_BYTES) {
      this.#offsets.push(baseOffset);
      this.#positions.push(position);
      this.#timestamps.push(this.maxTimestamp);
    }
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = maxTimestamp;
      this.maxTimestampBase = baseOffset;
    }
    this.endOffset = lastOffset + 1;
  }

  /** The first batch that has the offset or a later one. */
  find(offset: number): BatchPlace | undefined {
    for (const batch of this.#from(lastAtMost(this.#offsets, offset))) if (batch.lastOffset >= offset) return batch;
    return undefined;
  }

  /** The batches that may have a record of that timestamp or a later one, not before an offset. */
  *findByTime(timestamp: number, from: number): IterableIterator<BatchPlace> {
    if (this.maxTimestamp < timestamp) return;
    // The last entry before which all timestamps are lower.
    const entry = lastAtMost(this.#timestamps, timestamp - 1);
    for (const batch of this.#from(entry)) if (batch.maxTimestamp >= timestamp && batch.lastOffset >= from) yield batch;
  }

  /** The base offset of the first indexed batch at or after a position, so an offset that nothing before it has. */
  offsetAfter(position: number): number {
    const entry = lastAtMost(this.#positions, position - 1) + 1;
    return this.#offsets[entry] ?? this.endOffset;
  }

  /** The batch at a position. */
  at(position: number): BatchPlace {
    const bytes = this.store.read(position, RECORDS);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const baseOffset = int64(view, BASE_OFFSET);
    return {
      position,
      size: LOG_OVERHEAD_BYTES + view.getInt32(BATCH_LENGTH),
      baseOffset,
      lastOffset: baseOffset + view.getInt32(LAST_OFFSET_DELTA),
      maxTimestamp: int64(view, MAX_TIMESTAMP),
    };
  }

  /** All of its batches. */
  batches(): IterableIterator<BatchPlace> {
    return this.#from(0);
  }

  /** The batches from an entry of the index on. */
  *#from(entry: number): IterableIterator<BatchPlace> {
    for (let position = this.#positions[Math.max(entry, 0)] ?? 0; position < this.size;) {
      const batch = this.at(position);
      yield batch;
      position += batch.size;
    }
  }
}

/** The index of the last value, of those that only grow, that is at most `limit`; -1 if there is none. */
export function lastAtMost(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? Infinity) <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function int64(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}
