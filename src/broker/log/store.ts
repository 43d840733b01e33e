import { Buffer } from "node:buffer";
import type { MemoryBudget } from "./budget.ts";

/** Where the bytes of a segment are: appended to, read at any position, never changed. */
export interface Store {
  readonly size: number;
  /** False: there is no room for so many bytes more. Until the next append it keeps what it said. */
  reserve(bytes: number): boolean;
  /** Throws `AppendError` (KAFKA_STORAGE_ERROR) if it cannot be written; then nothing was. */
  append(bytes: Uint8Array): void;
  /** The bytes from `at` on; a view or a copy, either way not to be changed. */
  read(at: number, length: number): Uint8Array;
  /** Whether something was appended that may not survive a crash yet. */
  readonly isDirty: boolean;
  /** Resolves once what was appended so far survives a crash. */
  flushed(): Promise<void>;
  /** Takes its bytes away for good. */
  remove(): void;
  /** Lets go of it and keeps its bytes, if they are anywhere but in memory. */
  close(): void;
}

const SMALLEST_BUFFER_BYTES = 4096;
/** By how much a store grows at a time: what is copied then is a third of what it comes to hold. */
const GROWTH = 4;
const SYNCED = Promise.resolve();

/** A segment in memory, which grows by a factor. Views that were given out before it grew stay good. */
export class MemoryStore implements Store {
  readonly isDirty = false;
  readonly #budget: MemoryBudget;
  readonly #limit: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #size = 0;

  /** It grows by {@link GROWTH} up to `limit` bytes, and beyond by what is needed. */
  constructor(budget: MemoryBudget, limit: number) {
    this.#budget = budget;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  reserve(bytes: number): boolean {
    const needed = this.#size + bytes;
    if (needed <= this.#bytes.length) return true;
    const grownBytes = Math.min(this.#limit, Math.max(this.#bytes.length * GROWTH, SMALLEST_BUFFER_BYTES));
    const capacity = Math.max(needed, grownBytes);
    if (!this.#budget.take(capacity - this.#bytes.length)) return false;
    const grown = Buffer.allocUnsafeSlow(capacity); // every byte is written before it is read
    grown.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = grown;
    return true;
  }

  append(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  read(at: number, length: number): Uint8Array {
    return this.#bytes.subarray(at, Math.min(at + length, this.#size));
  }

  flushed(): Promise<void> {
    return SYNCED;
  }

  remove(): void {
    this.#budget.give(this.#bytes.length);
    this.#bytes = new Uint8Array(0);
    this.#size = 0;
  }

  close(): void {
    this.remove();
  }
}
