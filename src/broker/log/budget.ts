/** Segments that may be dropped to make room, oldest first. */
export interface Evictable {
  /** When the oldest segment that may be dropped was last written to, in ms; infinite if there is none. */
  readonly oldest: number;
  /** Drops that segment. */
  evictOldest(): void;
}

/**
 * The memory of all logs together. Whoever needs more takes it here first, and the oldest segments of those topics that
 * may lose data (`cleanup.policy=delete`) go before anything is refused.
 */
export class MemoryBudget {
  readonly limit: number;
  readonly #logs = new Set<Evictable>();
  #used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  add(log: Evictable): void {
    this.#logs.add(log);
  }

  remove(log: Evictable): void {
    this.#logs.delete(log);
  }

  /** Takes so many bytes, dropping what is old if it has to. False: there is no room. */
  take(bytes: number): boolean {
    while (this.#used + bytes > this.limit) {
      let oldest: Evictable | undefined;
      for (const log of this.#logs) {
        if (log.oldest < (oldest?.oldest ?? Infinity)) oldest = log;
      }
      if (oldest === undefined) return false;
      const before = this.#used;
      oldest.evictOldest();
      if (this.#used >= before) return false;
    }
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
