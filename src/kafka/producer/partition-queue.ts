import { Batch, type BatchKind, type Identity } from "./batch.ts";

/** A batch grows to this size in bytes, before compression: a little below what brokers accept by default. */
export const BATCH_BYTES = 1_000_000;

/** A message of this size in bytes goes alone: if it is refused as too large, no other has to be sent again. */
const ALONE_BYTES = 16_384;

const SEQUENCES = 2 ** 31;

/**
 * The batches of one partition on their way to its leader, in the order in which they were begun. They are numbered in
 * that order and sent in that order. When one fails, nothing more is sent until all that are in flight have been
 * answered; then all that failed go again, with the same numbers: a retry neither duplicates nor reorders.
 */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** Not to be sent before this moment of the monotonic clock, in ms: after a failure. */
  notBefore = 0;
  /** Failures in a row. */
  attempts = 0;
  readonly #batchBytes: number;
  #batches: Batch[] = [];
  #inFlight = 0;
  #failed = 0;
  #identity: Identity | undefined;
  #next = 0;
  /** Whether the broker has accepted a batch of this identity; until then one is in flight at a time. */
  #proven = false;
  #renew = false;
  #held = false;
  #landed: (() => void)[] = [];

  constructor(topic: string, partition: number, batchBytes = BATCH_BYTES) {
    this.topic = topic;
    this.partition = partition;
    this.#batchBytes = batchBytes;
  }

  /** The batch that is being filled, if a message of `size` bytes at most still belongs to it. */
  openFor(size: number): Batch | undefined {
    const last = this.#batches[this.#batches.length - 1];
    return last?.state === "open" && size < ALONE_BYTES && last.builder.size + size <= this.#batchBytes
      ? last
      : undefined;
  }

  /** The batch that a message of `size` bytes at most belongs to; one that is begun is begun `now`. */
  batchFor(size: number, now: number): Batch {
    const open = this.openFor(size);
    if (open) return open;
    const last = this.#batches.at(-1);
    if (last?.state === "open") last.state = "waiting";
    const batch = new Batch(now);
    if (size >= ALONE_BYTES) batch.state = "waiting";
    this.#batches.push(batch);
    return batch;
  }

  /** Whether nothing is on its way or waits for it. */
  get empty(): boolean {
    return this.#batches.length === 0;
  }

  /** Whether a batch can be taken. */
  sendable(now: number): boolean {
    if (
      this.#renew || this.#held || this.#failed > 0 || this.notBefore > now || this.#batches.length === this.#inFlight
    ) return false;
    return this.#proven || this.#inFlight === 0;
  }

  /** Whether the broker refuses our numbers, or they have a gap: another identity has to be had before the next batch. */
  get needsIdentity(): boolean {
    return this.#renew && this.#inFlight === 0;
  }

  /** Whether nothing is to be sent, since its topic is gone or has become another one. */
  get held(): boolean {
    return this.#held;
  }

  /** Sends nothing more; resolves when all that is in flight has been answered. */
  async hold(): Promise<void> {
    this.#held = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#landed.push(resolve));
  }

  /** Sends again. */
  release(): void {
    this.#held = false;
  }

  /** Begin anew, as a producer that has sent `next` messages to this partition. */
  renew(identity: Identity, next = 0): void {
    this.#identity = identity;
    this.#next = next;
    this.#proven = false;
    this.#renew = false;
  }

  /**
   * The partition is another log now, which takes any number to begin with: until it has taken the first, one batch is in
   * flight at a time, so that none is taken before an older one.
   */
  doubt(): void {
    this.#proven = false;
  }

  /** The next batch, numbered, to be sent at once. `shared` is the identity of a queue that has none of its own yet. */
  take(shared: Identity, kind: BatchKind): Batch | undefined {
    const batch = this.#batches[this.#inFlight];
    if (batch === undefined) return undefined;
    this.#identity ??= shared;
    if (!batch.isOf(this.#identity)) {
      batch.number(this.#identity, this.#next, kind);
      this.#next = (this.#next + batch.count) % SEQUENCES;
    }
    batch.state = "inFlight";
    this.#inFlight++;
    return batch;
  }

  /** It is written. */
  written(batch: Batch): void {
    this.#remove(batch);
    this.attempts = 0;
    this.#proven = true;
  }

  /** It is refused for good: the numbers after it have a gap before them. */
  refused(batch: Batch): void {
    this.#remove(batch);
    this.#renew = true;
  }

  /** It has to be sent again, once all that are in flight have been answered. */
  failed(batch: Batch): void {
    if (batch.state !== "inFlight") return;
    batch.state = "failed";
    this.#inFlight--;
    this.#failed++;
    this.#settle();
  }

  /** Parts take the place of a batch that was refused as a whole. */
  replace(batch: Batch, parts: readonly Batch[]): void {
    for (const part of parts) part.state = "waiting";
    const at = this.#batches.indexOf(batch);
    this.#remove(batch);
    this.#batches.splice(at, 0, ...parts);
    this.#renew = true;
  }

  /** Whether a batch is the first of those that are not written: what it is told is then not for want of another. */
  isFirst(batch: Batch): boolean {
    return this.#batches[0] === batch;
  }

  /** Asks for another identity. */
  disown(): void {
    this.#renew = true;
  }

  /** The sequence of the message after all that have been numbered. */
  get next(): number {
    return this.#next;
  }

  /** Takes out all there is. */
  clear(): Batch[] {
    this.#inFlight = this.#failed = 0;
    for (const landed of this.#landed.splice(0)) landed();
    return this.#batches.splice(0);
  }

  /** Takes out what was begun before a moment and is not in flight. */
  expire(before: number): Batch[] {
    const old = this.#batches.filter(({ state, since }) => state !== "inFlight" && since < before);
    for (const batch of old) {
      if (batch.bytes !== undefined) this.#renew = true; // it had a number, and may have been written
      this.#remove(batch);
    }
    return old;
  }

  #remove(batch: Batch): void {
    const at = this.#batches.indexOf(batch);
    if (at < 0) return;
    this.#batches.splice(at, 1);
    if (batch.state === "inFlight") this.#inFlight--;
    if (batch.state === "failed") this.#failed--;
    this.#settle();
  }

  #settle(): void {
    if (this.#inFlight > 0) return;
    for (const landed of this.#landed.splice(0)) landed();
    if (this.#failed === 0) return;
    for (const batch of this.#batches) if (batch.state === "failed") batch.state = "waiting";
    this.#failed = 0;
  }
}
