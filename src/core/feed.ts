import type { Message, RecordBatchCursor } from "./message.ts";

/** Messages of one run that a handler has in its hands: from index `from` up to, not including, `to`. */
export interface InFlight {
  readonly run: RecordBatchCursor;
  readonly from: number;
  readonly to: number;
}

/**
 * Where a stream's messages come from; each method is called by one stream at a time. A run that `take` gives is the
 * stream's until it is given back (`release`), and what it hands out of it is in hand until it is `done`, or given up.
 */
export interface Feed {
  /** The next run that has a message to hand out, or nothing for now. `holding`: a batch is being gathered. */
  take(holding: boolean): RecordBatchCursor | undefined;
  /** Resolves when `take` may have something again, or at once when the stream has ended; with a limit in ms. Right after `take`. */
  wait(limitMs?: number): Promise<void>;
  /**
   * Raises the limit of the run that is being handed out; false: it has come to its end, or it is another partition's turn,
   * or the event loop's (`rest`).
   */
  extend(run: RecordBatchCursor): boolean;
  /** A run that `take` gave, and of which nothing more is handed out now. What is in hand of it stays in hand. */
  release(run: RecordBatchCursor): void;
  /** These messages are done: they are acknowledged. With none: the handler has nothing in hand. */
  done(messages: readonly InFlight[]): void;
  /** Sets a message aside that cannot be decoded; false: that was not possible, and its partition has to wait. */
  deadLetter(run: RecordBatchCursor, message: Message, error: unknown): Promise<boolean>;
  /** Whether the event loop has had a turn since the limit was last raised: somebody may be waiting, look at the clock. */
  readonly turned: boolean;
  /** Whether there is no room for more: a batch that is being gathered is handed out as it is. */
  readonly crowded: boolean;
  /** The event loop's turn, when it is due: to be waited for before anything more is handed out. */
  rest(): Promise<void> | undefined;
  /** The handler has come back for more, or has ended; what it had in hand is still in its hands. */
  returned(): void;
  /** Whether sends that were started while a message was in hand are still on their way, or have failed. */
  readonly unsettled: boolean;
  /** Waits for these sends. Throws what one of them failed with. */
  settle(): Promise<void>;
  /** Whether the stream is over. */
  readonly ended: boolean;
  /** Aborts when it is. */
  readonly signal: AbortSignal;
}

/** How the bytes of an actor's messages are read; a message without a value (a tombstone) has `null`. */
export interface Decoder {
  key(bytes: Uint8Array): unknown;
  value(bytes: Uint8Array | null): unknown;
}
