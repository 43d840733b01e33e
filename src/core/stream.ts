import type { Duration } from "./duration.ts";
import type { Event } from "./event.ts";

/** Options of {@link Stream.take}. */
export interface TakeOptions {
  /** How long a batch waits for more after its first message. Default 1 s. */
  within?: Duration;
}

/**
 * What a handler loops over: decoded values, and a message is acknowledged when the loop comes back for the next one.
 * It ends when the worker stops.
 *
 * `T` is what the serializer gives, or what the handler says that its topic holds. A message without a value (a
 * tombstone) comes as `null`, whatever the serializer. JSON has a `null` by itself, and events always say `T | null`; a
 * loop over text, bytes or a type of one's own leaves it out, since few topics have tombstones: where they may come,
 * write `(stream: Stream<Order | null>)`.
 */
export interface Stream<T, K = string> extends AsyncIterable<T> {
  /** The same messages with key, headers, topic, partition, offset and timestamp. */
  events(): AsyncIterable<Event<T, K>>;
  /** Batches of at most `count` values, acknowledged together. Errors: `INVALID_OPTION`, `INVALID_DURATION`. */
  take(count: number, options?: TakeOptions): AsyncIterable<T[]>;
  /**
   * Of what is in hand at the moment, message or batch, as {@link Event.signal}: read it in the loop, each time. Before and
   * between messages it only aborts when the worker stops.
   */
  readonly signal: AbortSignal;
}
