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

/** Who has the messages of a partition: one assignment of it to this worker. */
export interface Holder {
  /** It has been given away, or is lost: nothing more is handed out, and what fails is the next owner's. */
  readonly over: boolean;
  /** Aborts when what is in hand of it is not to be handled here any more. */
  readonly handling: LazySignal;
}

/**
 * Messages of one partition on their way to a handler, in order. `index` is the next to hand out and never goes back,
 * `limit` where to look at the clock: it may be another partition's turn, or the event loop's.
 */
export class RecordBatchCursor {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Message[];
  index = 0;
  limit: number;
  holder: Holder | undefined;
  /** Handed out by itself, also where batches are taken: one that failed had it. */
  alone = false;
  /** Of a message that is tried again: how often it has failed. */
  attempts = 0;
  /** Not to be handed out before this moment of the monotonic clock, in ms, after a failure; 0: at any time. */
  notBefore = 0;
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

  /** Whether its messages are still to be handled here. */
  get ours(): boolean {
    return this.holder?.over !== true;
  }

  /** Whether all of it has been handed out. */
  get handedOut(): boolean {
    return this.index >= this.messages.length;
  }

  /** Messages of it as a run of their own, from index `from` up to, not including, `to`. */
  part(from: number, to: number): RecordBatchCursor {
    const after = this.messages[to]?.offset ?? this.#after;
    const part = new RecordBatchCursor(
      this.topic,
      this.partition,
      this.messages.slice(from, to),
      after,
      this.#acknowledge,
    );
    part.holder = this.holder;
    return part;
  }

  /** Acknowledges all before `index`. */
  acknowledge(index: number): void {
    const next = this.messages[index];
    this.#acknowledge(next === undefined ? this.#after : next.offset);
  }
}
