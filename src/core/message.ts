import type { LazySignal } from "./lazy-signal.ts";

/** How messages may be packed. */
export type Compression = "gzip" | "snappy" | "lz4" | "zstd";

/** One message as the log gives it: bytes, and where they stood. */
export interface Message {
  readonly offset: number;
  /** In ms since the epoch. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
  /** How it was packed, with others or alone; missing: not at all, or that is not known. */
  readonly compression?: Compression | undefined;
}

/**
 * Messages of one partition on their way to a handler, in order. `index` is the next to hand out, `limit` where to look
 * at the clock: it may be another partition's turn, or the event loop's.
 */
export class Run {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Message[];
  index = 0;
  limit: number;
  /** Aborts when its messages are no longer to be handled here. */
  handling: LazySignal | undefined;
  /** Up to this index messages are handed out one at a time, also in batches: one of them made a batch fail. */
  solo = 0;
  #dropped = false;
  readonly #acknowledge: (next: number) => void;
  readonly #after: number;

  /** `acknowledge(next)`: all before offset `next` is done. `after`: the offset that follows the last message. */
  constructor(
    topic: string,
    partition: number,
    messages: readonly Message[],
    after: number,
    acknowledge: (next: number) => void,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.messages = messages;
    this.limit = messages.length;
    this.#after = after;
    this.#acknowledge = acknowledge;
  }

  /** Its partition has been given away, or is lost: nothing more of it is handed out. */
  get dropped(): boolean {
    return this.#dropped;
  }

  drop(): void {
    this.#dropped = true;
    this.limit = 0;
  }

  /** Acknowledges all before `index`. */
  acknowledge(index: number): void {
    const next = this.messages[index];
    this.#acknowledge(next === undefined ? this.#after : next.offset);
  }
}
