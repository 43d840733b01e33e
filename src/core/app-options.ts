import { type Duration, milliseconds, positiveMilliseconds } from "./duration.ts";
import type { Logger } from "./logger.ts";
import { checkName } from "./name.ts";
import { checkOptions, kinds, oneOf } from "./options.ts";
import type { SerializerSpec } from "./serializer.ts";
import { bytesOf } from "./byte-size.ts";

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
  /** After this long without a sign of life a worker is removed by the broker. Default 6 s. */
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

/** Errors: `INVALID_OPTION`, `INVALID_DURATION`, `INVALID_NAME`. `what`: whose options they are. */
export function checkAppOptions(options: AppOptions, what: string): void {
  checkOptions(options, OPTIONS, what);
  if (options.sasl) checkOptions(options.sasl, SASL, "sasl");
  if (options.linger !== undefined) milliseconds(options.linger, "linger");
  if (options.stopTimeout !== undefined) positiveMilliseconds(options.stopTimeout, "stopTimeout");
  if (typeof options.bufferMemory === "string") bytesOf(options.bufferMemory, "bufferMemory");
  if (options.instanceId !== undefined) checkName(options.instanceId, "instanceId", "It names a place in the group");
  // Whether they go together is known when the worker starts: a flag or a variable may come before either.
  if (options.sessionTimeout !== undefined) positiveMilliseconds(options.sessionTimeout, "sessionTimeout");
  if (options.heartbeatInterval !== undefined) positiveMilliseconds(options.heartbeatInterval, "heartbeatInterval");
}
