import type { AnySerializer, Encodable, Json, SerializerSpec } from "./serializer.ts";
import type { Stream } from "./stream.ts";

/** A header's value as it is sent: text becomes UTF-8; `null` is a header without a value. */
export type HeaderValue = string | Uint8Array | null;

/** What is sent. */
export interface OutgoingMessage<In, KeyIn = string> {
  /** `null` is a tombstone with any serializer: a message without a value, which on a compacted topic deletes its key. */
  value: In | null;
  /** Messages of one key go to one partition, in order. Default none: partitions in turn. */
  key?: KeyIn;
  /** By name; or as pairs, of which several may have one name, such as another event's `allHeaders`. */
  headers?: Readonly<Record<string, HeaderValue>> | Iterable<readonly [string, HeaderValue]>;
  /** When it happened, in ms since the epoch. Default now. */
  timestamp?: number;
}

/** An actor: a topic, and what every worker does with its messages. */
export interface Actor<In, KeyIn = string> {
  readonly name: string;
  readonly topic: string;
  /**
   * Sends one message, and resolves when the broker has acknowledged it on all replicas in sync. Inside an `onMaster`
   * tick it resolves when it is queued: a tick's messages are published when its function has ended.
   *
   * Errors: `ENCODE_FAILED`, `MESSAGE_TOO_LARGE`, `MESSAGE_REFUSED`, `SEND_TIMEOUT`, `UNREACHABLE`, `BUFFER_FULL`,
   * `NOT_MASTER`, `TICK_ENDED`, `STOPPED`.
   */
  send(message: OutgoingMessage<In, KeyIn>): Promise<void>;
}

/**
 * What an actor takes: as its serializer says. JSON takes anything, until the handler says what it reads:
 * `async function orders(stream: Stream<Order>)` makes it an actor of orders.
 */
export type Sendable<V, T> = V extends "json" ? (Json extends T ? unknown : T) : Encodable<V>;

/** Loops over its stream; ends only when the stream does. */
export type Handler<T, K = string> = (stream: Stream<T, K>) => Promise<void>;

/** Options of an actor. */
export interface ActorOptions<V extends SerializerSpec = SerializerSpec, K extends SerializerSpec = SerializerSpec> {
  /** Default: the function's own name. */
  name?: string;
  /** Any name that Kafka takes. Default `<app id>-<name>`. */
  topic?: string;
  /** Partitions of the topic if it has to be created. Default: the app's. */
  partitions?: number;
  /** Default: the app's. */
  valueSerializer?: V;
  /** Default: the app's. */
  keySerializer?: K;
}

/** An actor as the layers above read it. */
export interface ActorDefinition {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly valueSerializer: AnySerializer;
  readonly keySerializer: AnySerializer;
  readonly handler: Handler<unknown, unknown>;
}
