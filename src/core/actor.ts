import { type App, definitionOf } from "./app.ts";
import { MephistoError } from "./errors.ts";
import { journalTopic } from "./journal-topic.ts";
import { checkTopic, nameOf } from "./name.ts";
import { checkOptions, kinds } from "./options.ts";
import {
  type AnySerializer,
  type Decoded,
  type Encodable,
  type Json,
  serializer,
  type SerializerSpec,
} from "./serializer.ts";
import type { Stream } from "./stream.ts";

/** A header's value as it is sent: text becomes UTF-8; `null` is a header without a value. */
export type HeaderValue = string | Uint8Array | null;

/** What is sent. */
export interface Outgoing<In, KeyIn = string> {
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
  send(message: Outgoing<In, KeyIn>): Promise<void>;
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

/** An actor as the floors above read it. */
export interface ActorDefinition {
  readonly name: string;
  readonly topic: string;
  readonly partitions: number;
  readonly valueSerializer: AnySerializer;
  readonly keySerializer: AnySerializer;
  readonly handler: Handler<unknown, unknown>;
}

const OPTIONS = {
  name: kinds.text,
  topic: kinds.text,
  partitions: kinds.count,
  valueSerializer: kinds.serializer,
  keySerializer: kinds.serializer,
};

/** Partitions of a topic when nothing else is said. */
const PARTITIONS = 8;

/**
 * Defines an actor. Its handler is given one stream, shared out over all workers by partition; a message is acknowledged
 * when the loop comes back for the next one. If it throws, the message is tried again, five times with growing pauses,
 * and then set aside in `<topic>.dead`.
 *
 * Errors: `INVALID_NAME`, `DUPLICATE_NAME`, `INVALID_OPTION`.
 *
 * ```ts
 * import { actor, app } from "mephisto";
 * const shop = app("shop");
 * const orders = actor(shop, async function orders(stream) {
 *   for await (const order of stream) console.log(order);
 * });
 * console.log(orders.topic); // shop-orders
 * ```
 */
export function actor<V extends SerializerSpec, K extends SerializerSpec, T = Decoded<V>>(
  app: App<V, K>,
  handler: Handler<T, Decoded<K>>,
): Actor<Sendable<V, T>, Encodable<K>>;
/** Defines an actor with options: a name, a topic, partitions, serializers of its own. */
export function actor<
  AV extends SerializerSpec,
  AK extends SerializerSpec,
  V extends SerializerSpec = AV,
  K extends SerializerSpec = AK,
  T = Decoded<V>,
>(
  app: App<AV, AK>,
  options: ActorOptions<V, K>,
  handler: Handler<T, Decoded<K>>,
): Actor<Sendable<V, T>, Encodable<K>>;
export function actor(app: App, first: unknown, second?: unknown): Actor<unknown, unknown> {
  const definition = definitionOf(app);
  const options = (second === undefined ? {} : first) as ActorOptions;
  const handler = (second === undefined ? first : second) as Handler<unknown, unknown>;
  checkHandler(handler);
  const name = nameOf(options?.name, handler, "actor");
  checkOptions(options, OPTIONS, `actor ${name}`);
  if (definition.actors.has(name)) {
    throw new MephistoError("DUPLICATE_NAME", `App ${definition.id} has an actor ${JSON.stringify(name)} already.`);
  }
  const topic = options.topic === undefined
    ? `${definition.id}-${name}`
    : checkTopic(options.topic, `The topic of actor ${name}`);
  if (topic === journalTopic(definition.id)) {
    throw new MephistoError(
      "DUPLICATE_NAME",
      `Actor ${name} would share the topic ${topic} with the master's journal: give it another name or topic.`,
    );
  }
  for (const other of definition.actors.values()) {
    if (other.topic === topic) {
      throw new MephistoError("DUPLICATE_NAME", `Actors ${other.name} and ${name} would share the topic ${topic}.`);
    }
  }
  const defined: ActorDefinition = {
    name,
    topic,
    partitions: options.partitions ?? definition.options.partitions ?? PARTITIONS,
    valueSerializer: options.valueSerializer === undefined
      ? definition.valueSerializer
      : serializer(options.valueSerializer, `valueSerializer of actor ${name}`),
    keySerializer: options.keySerializer === undefined
      ? definition.keySerializer
      : serializer(options.keySerializer, `keySerializer of actor ${name}`),
    handler,
  };
  definition.actors.set(name, defined);
  return { name, topic, send: (message) => definition.runtime.send(defined, message) };
}

function checkHandler(handler: unknown): void {
  if (typeof handler !== "function") {
    throw new MephistoError("INVALID_OPTION", "actor(app, options?, handler): the handler is not a function.");
  }
  if (/Generator/.test(handler.constructor.name)) {
    throw new MephistoError(
      "INVALID_OPTION",
      "An actor's handler may not be a generator: nothing reads what it yields.",
    );
  }
}
