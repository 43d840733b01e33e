import { Code } from "../../wire/error-codes.ts";
import type { LogConfig } from "./config.ts";
import { AppendError } from "./error.ts";
import { type BatchPlace, Segment } from "./segment.ts";
import type { Stores } from "./stores.ts";

/** A batch, and the segment that it is in. */
interface Found {
  /** The segment's, in the list. */
  readonly index: number;
  readonly batch: BatchPlace;
}

/** The segments of a log in order: where an offset is, room for more, and what goes. The last one is written to. */
export class Segments {
  readonly #stores: Stores;
  readonly #all: Segment[] = [];
  /** The one for which room is being made: not to be dropped for it. */
  #growing: Segment | undefined;

  constructor(stores: Stores) {
    this.#stores = stores;
  }

  get all(): readonly Segment[] {
    return this.#all;
  }

  get active(): Segment | undefined {
    return this.#all.at(-1);
  }

  /** Bytes. */
  get size(): number {
    return this.#all.reduce((sum, segment) => sum + segment.size, 0);
  }

  /** Takes up those of an earlier life, whose batches `recall` notes; it gives the size of the one at a position. */
  recall(now: number, recall: (segment: Segment, position: number) => number): void {
    for (const { baseOffset, store } of this.#stores.existing()) {
      // A segment that compaction has merged into the one before it, and that a crash has left behind.
      if (baseOffset < (this.active?.endOffset ?? baseOffset)) {
        store.remove();
        continue;
      }
      const segment = new Segment(baseOffset, store, now);
      for (let position = 0; position < store.size;) position += recall(segment, position);
      this.#all.push(segment);
    }
  }

  /** The segment to append to, with room for so many bytes more. Throws `AppendError` when there is none. */
  room(bytes: number, config: LogConfig, endOffset: number, now: number): Segment {
    let active = this.active;
    const isFull = active !== undefined && active.size > 0 &&
      (active.size + bytes > this.limit(config) || now - active.createdAt > config.segmentMs);
    if (active === undefined || isFull) active = this.roll(config, endOffset, now);
    this.#growing = active;
    const hasRoom = active.store.reserve(bytes);
    this.#growing = undefined;
    if (hasRoom) return active;
    throw new AppendError(
      Code.POLICY_VIOLATION,
      "the broker's memory limit is reached and no topic may lose data: delete topics or records, or raise the limit",
    );
  }

  /** Begins another one. */
  roll(config: LogConfig, endOffset: number, now: number): Segment {
    const segment = new Segment(endOffset, this.#stores.create(endOffset, this.limit(config)), now);
    this.#all.push(segment);
    return segment;
  }

  /** How large one may be. */
  limit(config: LogConfig): number {
    return Math.min(config.segmentBytes, this.#stores.segmentLimit);
  }

  /** The batch with an offset, or the first one after it. */
  find(offset: number): Found | undefined {
    for (let index = this.#indexOf(offset); index < this.#all.length; index++) {
      const batch = this.#all[index]?.find(offset);
      if (batch !== undefined) return { index, batch };
    }
    return undefined;
  }

  /** Where the one after a segment begins, or the log ends. */
  endOf(index: number, endOffset: number): number {
    return this.#all[index + 1]?.baseOffset ?? endOffset;
  }

  /** The oldest one with something in it that may be dropped. */
  get evictable(): { segment: Segment; index: number } | undefined {
    const index = this.#all.findIndex(({ size }) => size > 0);
    const segment = this.#all[index];
    return segment === undefined || segment === this.#growing ? undefined : { segment, index };
  }

  /** Takes away the first one for good. */
  shift(): void {
    this.#all.shift()?.store.remove();
  }

  /** Puts others in the place of the first `count`. */
  replace(count: number, segments: readonly Segment[]): void {
    this.#all.splice(0, count, ...segments);
  }

  /** Resolves once all that was written so far survives a crash. */
  async flushed(): Promise<void> {
    // A batch may be in a segment that has since been followed by another one.
    for (let index = this.#all.length - 1; index >= 0; index--) {
      const store = this.#all[index]?.store;
      if (store === undefined || (store.size > 0 && !store.isDirty)) return;
      await store.flushed();
    }
  }

  /** Takes all bytes away for good. */
  remove(): void {
    for (const segment of this.#all) segment.store.remove();
    this.#all.length = 0;
    this.#stores.remove();
  }

  /** Lets go of the bytes. */
  close(): void {
    for (const segment of this.#all) segment.store.close();
  }

  /** The last one that begins at or before an offset. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#all[middle]?.baseOffset ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, 0);
  }
}
