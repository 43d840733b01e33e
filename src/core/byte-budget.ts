/** 32 MiB: with what the runtime takes, and what its collector has not freed yet, a worker fits a container of 256 MB (bench/memory.ts). */
export const DEFAULT_BUFFER_BYTES: number = 32 * 1024 * 1024;

/**
 * The bytes that a worker's messages take, one for all of its partitions and actors: those that wait as they came, and
 * those that are open, decompressed. What is over the limit is not refused: nothing more is fetched or opened meanwhile,
 * except what has to be so that everybody gets on.
 */
export class ByteBudget {
  readonly limit: number;
  #held = 0;

  constructor(limit: number = DEFAULT_BUFFER_BYTES) {
    this.limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  get full(): boolean {
    return this.#held >= this.limit;
  }

  add(bytes: number): void {
    this.#held += bytes;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}
