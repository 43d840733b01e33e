import { LazySignal } from "./lazy-signal.ts";
import type { Message, RecordBatchCursor } from "./message.ts";

/** A message with all that belongs to it. */
export interface Event<T, K = string> {
  /** `null`: a tombstone, a message without a value. */
  readonly value: T | null;
  readonly key: K | null;
  /** By name: of one that is repeated the last value, and only of those that have one. */
  readonly headers: Readonly<Record<string, Uint8Array>>;
  /** All of them in order, also repeated ones and those without a value; read when it is asked for. */
  readonly allHeaders: readonly (readonly [name: string, value: Uint8Array | null])[];
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** In ms since the epoch. */
  readonly timestamp: number;
  /**
   * Aborts when the worker stops, and when this message's partition is lost, so that another worker may have it: what is
   * not finished then is handled again. One that is given up in order is not lost: it is handed over when the message is
   * done. Read, `aborted` is also true while the group has heard nothing of this worker for a session (it was frozen, or
   * Kafka is away), since the partition may be another's by then; a handler that throws then has not failed.
   */
  readonly signal: AbortSignal;
}

/**
 * The event of a message. A class, since an accessor costs thirty times as much in an object of its own as in a
 * prototype.
 */
export class StreamEvent implements Event<unknown, unknown> {
  readonly value: unknown;
  readonly key: unknown;
  readonly headers: Readonly<Record<string, Uint8Array>>;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly #message: Message;
  readonly #handling: LazySignal | undefined;

  /** `value` and `key`: as they were decoded. */
  constructor(value: unknown, key: unknown, { topic, partition, holder }: RecordBatchCursor, message: Message) {
    this.value = value;
    this.key = key;
    this.headers = lastValues(message.headers);
    this.topic = topic;
    this.partition = partition;
    this.offset = message.offset;
    this.timestamp = message.timestamp;
    this.#message = message;
    this.#handling = holder?.handling;
  }

  get allHeaders(): Message["headers"] {
    return this.#message.headers;
  }

  get signal(): AbortSignal {
    return (this.#handling ?? NEVER).signal;
  }
}

/** Of what no loop has handed out. */
const NEVER = new LazySignal();

function lastValues(all: Message["headers"]): Record<string, Uint8Array> {
  const headers: Record<string, Uint8Array> = {};
  for (const [name, value] of all) {
    if (value === null) continue;
    // Assigned, it would be the object's prototype and no header.
    if (name === "__proto__") Object.defineProperty(headers, name, { value, enumerable: true, configurable: true });
    else headers[name] = value;
  }
  return headers;
}
