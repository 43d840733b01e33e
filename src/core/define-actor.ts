import type { Actor, ActorDefinition, ActorOptions, Handler, Sendable } from "./actor.ts";
import { type App, definitionOf } from "./definition.ts";
import { MephistoError } from "./errors.ts";
import { journalTopic } from "./journal-topic.ts";
import { checkTopic, nameOf } from "./name.ts";
import { checkOptions, kinds } from "./options.ts";
import { type Decoded, type Encodable, serializer, type SerializerSpec } from "./serializer.ts";

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
 * and then dead-lettered in `<topic>.dead`.
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
