import type { ActorDefinition, Outgoing } from "./actor.ts";
import type { TaskDefinition } from "./task.ts";
import type { TimerDefinition } from "./timer.ts";
import { type Duration, milliseconds, positiveMilliseconds } from "./duration.ts";
import { MephistoError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { checkName } from "./name.ts";
import { checkOptions, kinds, oneOf } from "./options.ts";
import { bytesOf } from "./size.ts";
import { type AnySerializer, serializer, type SerializerSpec } from "./serializer.ts";

/** How to prove who we are to the broker. */
export interface SaslOptions {
  mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  username: string;
  password: string;
}

/** What to trust on an encrypted connection; `ca`, `cert` and `key` are PEM text. */
export interface SslOptions {
  ca?: string | string[];
  cert?: string;
  key?: string;
  passphrase?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** Options of an app. Flags and environment variables come before what stands here. */
export interface AppOptions<V extends SerializerSpec = SerializerSpec, K extends SerializerSpec = SerializerSpec> {
  /** `kafka://a:9092,b:9092` or `kafka+ssl://user:password@host:9093?sasl=scram-sha-512`. Default `kafka://localhost:9092`. */
  url?: string;
  /** TLS; `true` trusts what the runtime trusts. Default: as the URL says. */
  ssl?: boolean | SslOptions;
  /** Default: as the URL says. */
  sasl?: SaslOptions;
  /** Of all actors that say nothing else. Default `"json"`. */
  valueSerializer?: V;
  /** Of all actors that say nothing else. Default `"text"`. */
  keySerializer?: K;
  /** Partitions of topics that are created. Default 8. */
  partitions?: number;
  /** Copies of topics that are created. Default: the broker's own default. */
  replicationFactor?: number;
  /** How messages are packed on their way. Default `"none"`. */
  compression?: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  /** How long to wait for more messages before a batch is sent. Default 0: at once, batches form by themselves under load. */
  linger?: Duration;
  /** After this long without a sign of life a worker is expelled by the broker. Default 6 s. */
  sessionTimeout?: Duration;
  /** How often a worker gives a sign of life. Default: a twentieth of the session, at most 300 ms. */
  heartbeatInterval?: Duration;
  /**
   * How long stopping may take in all: what is in hand of handlers, timers and tasks is waited for, committed and handed
   * over within it, and cut off after it. Default 25 s.
   */
  stopTimeout?: Duration;
  /**
   * The memory for messages that are fetched and not handled yet, decompressed where they are open: `"128MiB"`, or bytes.
   * One batch that is larger is handled all the same. Default 32 MiB, which fits a container of 256 MB
   * (on Deno with `--v8-flags=--max-old-space-size=128`).
   */
  bufferMemory?: string | number;
  /** A fixed name of this worker in its group (static membership): a quick restart moves no partition. Default none. */
  instanceId?: string;
  /** The version of the script that this worker tells the others. Default none. */
  version?: string;
  /**
   * Where other workers see whether this one lives: an address of this machine, at a free port, or `"off"`. Default
   * `"127.0.0.1"`.
   */
  presenceBind?: string;
  /**
   * When the group is told that another worker is dead. `"proof"` (the default): only when its process is seen to have
   * ended, on the same machine; across machines its session is waited for. `"reset"`: also when its presence's connection
   * broke and its address refuses another, which is quicker and may be wrong. Then two workers may hold a valid lease for a
   * while (guarantee 1); the broker still refuses what the older one publishes.
   */
  evictOn?: "proof" | "reset";
  /** Whether this worker may be elected. Default true. */
  master?: boolean;
  /**
   * The folder of `<topic>.dead.jsonl`, where a message goes that could not be handled and that no topic takes; `"off"`:
   * it goes to the log, whole. Default: the working directory.
   */
  deadLetterDir?: string;
  /**
   * Where the toolkit's own lines go. Default: the terminal for a worker (of one inside another program its warnings and
   * errors), nowhere for a program that only sends.
   */
  logger?: Logger;
}

/** An app: what was defined on it, and its life. */
export interface App<V extends SerializerSpec = SerializerSpec, K extends SerializerSpec = SerializerSpec>
  extends AsyncDisposable {
  readonly id: string;
  readonly options: AppOptions<V, K>;
  /**
   * Runs the script's command line when this module is the one the process was started with; else does nothing.
   * Settles when the command has ended, and sets the process's exit code.
   */
  main(meta: ImportMeta): Promise<void>;
  /**
   * Starts a worker inside this program; resolves when it has joined its group. Errors: `STOPPED` when `stop()` was called
   * meanwhile, `AUTHENTICATION_FAILED` and others that waiting does not mend.
   */
  start(): Promise<void>;
  /**
   * Finishes what is in hand, commits, leaves the group and closes every connection, within the stop timeout. Never throws.
   * A handler, timer or task that awaits it would be waited for itself: there it resolves when all others have ended.
   */
  stop(): Promise<void>;
}

/** What runs an app: the worker's floor gives it to the core's, which imports nothing from above. */
export interface AppRuntime {
  send(actor: ActorDefinition, message: Outgoing<unknown, unknown>): Promise<void>;
  main(meta: ImportMeta): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What was defined, as the floors above read it. */
export interface AppDefinition {
  readonly app: App;
  readonly id: string;
  readonly options: AppOptions;
  readonly keySerializer: AnySerializer;
  readonly valueSerializer: AnySerializer;
  readonly actors: Map<string, ActorDefinition>;
  readonly timers: Map<string, TimerDefinition>;
  readonly tasks: Map<string, TaskDefinition>;
  readonly runtime: AppRuntime;
}

const definitions = new WeakMap<object, AppDefinition>();
let makeRuntime: ((definition: Omit<AppDefinition, "runtime">) => AppRuntime) | undefined;

/** Called once by the package's door: how an app is run. */
export function setRuntime(make: (definition: Omit<AppDefinition, "runtime">) => AppRuntime): void {
  makeRuntime = make;
}

/** What was defined on an app. Errors: `INVALID_OPTION` when it is none, or one of another copy of the package. */
export function definitionOf(app: App<SerializerSpec, SerializerSpec>): AppDefinition {
  const definition = typeof app === "object" && app !== null ? definitions.get(app) : undefined;
  if (definition) return definition;
  throw new MephistoError(
    "INVALID_OPTION",
    "The first argument is not an app made by app() of this copy of mephisto. If it is one, two copies are installed.",
  );
}

/**
 * Defines an app; no I/O happens before `main()`, `start()` or a first `send()`. The id is also the consumer group's.
 *
 * Errors: `INVALID_NAME`, `INVALID_OPTION`, `INVALID_DURATION`.
 *
 * ```ts
 * import { app } from "mephisto";
 * const shop = app("shop", { url: "kafka://localhost:9092" });
 * console.log(shop.id); // shop
 * ```
 */
export function app<V extends "raw" | "text" | "json" = "json", K extends SerializerSpec = "text">(
  id: string,
  options?: AppOptions<V, K>,
): App<V, K>;
/** Defines an app whose values have a serializer of one's own; does no I/O. */
export function app<T, In = T, K extends SerializerSpec = "text">(
  id: string,
  options: AppOptions<SerializerSpec, K> & {
    valueSerializer: { encode(value: In): Uint8Array; decode(bytes: Uint8Array): T };
  },
): App<{ encode(value: In): Uint8Array; decode(bytes: Uint8Array): T }, K>;
export function app(id: string, options: AppOptions = {}): App {
  checkName(id, "The id of this app");
  checkOptions(options, OPTIONS, `app ${id}`);
  checkValues(options);
  if (!makeRuntime) throw new MephistoError("INVALID_OPTION", "Import app from the package's door, not from its core.");
  const self: App = {
    id,
    options,
    main: (meta) => runtime.main(meta),
    start: () => runtime.start(),
    stop: () => runtime.stop(),
    [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]: () => runtime.stop(),
  };
  const defined = {
    app: self,
    id,
    options,
    keySerializer: serializer(options.keySerializer ?? "text", "keySerializer"),
    valueSerializer: serializer(options.valueSerializer ?? "json", "valueSerializer"),
    actors: new Map(),
    timers: new Map(),
    tasks: new Map(),
  };
  const runtime = makeRuntime(defined);
  definitions.set(self, { ...defined, runtime });
  return self;
}

const OPTIONS = {
  url: kinds.text,
  ssl: kinds.flagOrObject,
  sasl: kinds.object,
  valueSerializer: kinds.serializer,
  keySerializer: kinds.serializer,
  partitions: kinds.count,
  replicationFactor: kinds.count,
  compression: oneOf(["none", "gzip", "snappy", "lz4", "zstd"]),
  linger: kinds.duration,
  sessionTimeout: kinds.duration,
  heartbeatInterval: kinds.duration,
  stopTimeout: kinds.duration,
  bufferMemory: kinds.size,
  instanceId: kinds.text,
  version: kinds.text,
  presenceBind: kinds.text,
  evictOn: oneOf(["proof", "reset"]),
  master: kinds.flag,
  deadLetterDir: kinds.text,
  logger: kinds.object,
};

const SASL = {
  mechanism: oneOf(["plain", "scram-sha-256", "scram-sha-512"]),
  username: kinds.text,
  password: kinds.text,
};

function checkValues(options: AppOptions): void {
  if (options.sasl) checkOptions(options.sasl, SASL, "sasl");
  if (options.linger !== undefined) milliseconds(options.linger, "linger");
  if (options.stopTimeout !== undefined) positiveMilliseconds(options.stopTimeout, "stopTimeout");
  if (typeof options.bufferMemory === "string") bytesOf(options.bufferMemory, "bufferMemory");
  if (options.instanceId !== undefined) checkName(options.instanceId, "instanceId", "It names a place in the group");
  // Whether they go together is known when the worker starts: a flag or a variable may come before either.
  if (options.sessionTimeout !== undefined) positiveMilliseconds(options.sessionTimeout, "sessionTimeout");
  if (options.heartbeatInterval !== undefined) positiveMilliseconds(options.heartbeatInterval, "heartbeatInterval");
}
