/** An offset that a group has committed. */
export interface CommittedOffset {
  readonly offset: number;
  /** -1: not said. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  /** In ms since 1970. */
  readonly committedAt: number;
  /** When it expires, if the client has said so itself (versions 2 to 4); else null. */
  readonly expiresAt: number | null;
  /** Its place among all commits: of a plain one and a transaction's, the later request counts, not the later end. */
  readonly order: number;
}

/** Values by topic and partition. */
export class ByPartition<T> {
  readonly #topics = new Map<string, Map<number, T>>();

  get size(): number {
    return this.#topics.size;
  }

  get(topic: string, partition: number): T | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  set(topic: string, partition: number, value: T): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) this.#topics.set(topic, partitions = new Map());
    partitions.set(partition, value);
  }

  delete(topic: string, partition: number): boolean {
    const partitions = this.#topics.get(topic);
    const was = partitions?.delete(partition) ?? false;
    if (partitions?.size === 0) this.#topics.delete(topic);
    return was;
  }

  topics(): string[] {
    return [...this.#topics.keys()];
  }

  partitions(topic: string): number[] {
    return [...this.#topics.get(topic)?.keys() ?? []];
  }

  *[Symbol.iterator](): Generator<[topic: string, partition: number, value: T]> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, value] of partitions) yield [topic, partition, value];
    }
  }
}

/** How the offsets of one group are kept for the next start; `null` removes one. */
export interface OffsetStore {
  committed(topic: string, partition: number, value: CommittedOffset | null): void;
  pending(producerId: number, topic: string, partition: number, value: CommittedOffset | null): void;
}

/** The offsets of one group: the committed ones, and those of transactions that have not ended. */
export class Offsets {
  readonly committed = new ByPartition<CommittedOffset>();
  readonly #pending = new Map<number, ByPartition<CommittedOffset>>();
  readonly #store: OffsetStore;

  constructor(store: OffsetStore) {
    this.#store = store;
  }

  get isEmpty(): boolean {
    return this.committed.size === 0 && this.#pending.size === 0;
  }

  commit(topic: string, partition: number, value: CommittedOffset): void {
    this.committed.set(topic, partition, value);
    this.#store.committed(topic, partition, value);
  }

  /** An offset that counts when the producer's transaction is committed. */
  commitLater(producerId: number, topic: string, partition: number, value: CommittedOffset): void {
    this.restorePending(producerId, topic, partition, value);
    this.#store.pending(producerId, topic, partition, value);
  }

  /** What was kept, at the start. */
  restorePending(producerId: number, topic: string, partition: number, value: CommittedOffset): void {
    let offsets = this.#pending.get(producerId);
    if (offsets === undefined) this.#pending.set(producerId, offsets = new ByPartition());
    offsets.set(topic, partition, value);
  }

  /** Whether a transaction that has not ended may change the partition's offset. */
  isUnstable(topic: string, partition: number): boolean {
    for (const offsets of this.#pending.values()) if (offsets.get(topic, partition) !== undefined) return true;
    return false;
  }

  /** The producer's transaction has ended. */
  end(producerId: number, committed: boolean): void {
    const offsets = this.#pending.get(producerId);
    if (offsets === undefined) return;
    for (const [topic, partition, value] of offsets) {
      const earlier = this.committed.get(topic, partition);
      if (committed && (earlier === undefined || earlier.order < value.order)) this.commit(topic, partition, value);
    }
    this.#pending.delete(producerId);
    // Only now, so that a broker that is killed before this finds all of them again.
    for (const [topic, partition] of offsets) this.#store.pending(producerId, topic, partition, null);
  }

  delete(topic: string, partition: number): void {
    if (this.committed.delete(topic, partition)) this.#store.committed(topic, partition, null);
    for (const [producerId, offsets] of this.#pending) {
      if (offsets.delete(topic, partition)) this.#store.pending(producerId, topic, partition, null);
      if (offsets.size === 0) this.#pending.delete(producerId);
    }
  }

  deleteTopic(topic: string): void {
    for (const offsets of [this.committed, ...this.#pending.values()]) {
      for (const partition of offsets.partitions(topic)) this.delete(topic, partition);
    }
  }

  deleteAll(): void {
    for (const offsets of [this.committed, ...this.#pending.values()]) {
      for (const topic of offsets.topics()) this.deleteTopic(topic);
    }
  }
}
