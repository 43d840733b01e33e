import { isIP } from "node:net";
import type { AppOptions } from "../core/app-options.ts";
import { DEFAULT_BUFFER_BYTES } from "../core/byte-budget.ts";
import { type Duration, formatDuration, positiveMilliseconds } from "../core/duration.ts";
import { MephistoError } from "../core/errors.ts";
import { checkName } from "../core/name.ts";
import { redact } from "../core/redact.ts";
import { bytesOf } from "../core/byte-size.ts";

/** A setting and where it came from, for people: `--url`, `MEPHISTO_URL`, `the code`, `the default`. */
export interface Setting<T> {
  readonly value: T;
  readonly from: string;
}

/** What a worker runs with; durations in ms. */
export interface WorkerSettings {
  readonly url: Setting<string>;
  readonly sessionTimeout: Setting<number>;
  readonly heartbeatInterval: Setting<number>;
  /** How long stopping may take in all. */
  readonly stopTimeout: Setting<number>;
  readonly instanceId: Setting<string | undefined>;
  /** What the worker is called, for people; undefined: by its host and process. */
  readonly name: Setting<string | undefined>;
  readonly version: Setting<string>;
  /** The address where others see whether this worker lives; undefined: nowhere. */
  readonly presence: Setting<string | undefined>;
  /** What another worker's death is concluded from. */
  readonly evictOn: Setting<"proof" | "reset">;
  /** Whether it may be elected. */
  readonly master: Setting<boolean>;
  /** The folder of the files of messages that no topic takes; undefined: they go to the log. */
  readonly deadLetterDir: Setting<string | undefined>;
  /** What the messages that are fetched and not handled yet may take in memory, in bytes. */
  readonly bufferMemory: Setting<number>;
}

/** Flags by their long names without dashes, and environment variables; what is not there is not set. */
export interface SettingSources {
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The flags of a worker's settings, as `--help` shows them; each may come from the environment too. */
export const SETTING_FLAGS: Readonly<Record<string, { readonly help: string; readonly value?: string }>> = {
  url: { help: "Kafka's address; default kafka://localhost:9092" },
  "session-timeout": { help: "Silence after which a worker is removed from the group; default 6s", value: "duration" },
  "heartbeat-interval": { help: "Time between heartbeats; default session/20, at most 300ms", value: "duration" },
  "stop-timeout": { help: "Time limit of stopping; default 25s", value: "duration" },
  "buffer-memory": { help: "Memory for messages not handled yet; default 32MiB", value: "32MiB" },
  name: { help: "Name of the worker; default <host>-<pid>-<random>", value: "name" },
  "instance-id": { help: "Fixed name in the group (static membership)", value: "name" },
  "presence-bind": { help: "Liveness address; default 127.0.0.1", value: "address|off" },
  "evict-on": { help: "Evidence that evicts a peer; default proof", value: "proof|reset" },
  "dead-letter-dir": {
    help: "Folder of dead letters that no topic takes; default: working directory",
    value: "folder|off",
  },
};

/** The environment variables that {@link resolveSettings} reads. */
export const SETTING_VARIABLES: readonly string[] = [
  ...Object.keys(SETTING_FLAGS).map(variableOf),
  "MEPHISTO_NO_MASTER",
  "MEPHISTO_VERSION",
];

/** Where Kafka is when nothing else is said. */
export const DEFAULT_URL = "kafka://localhost:9092";
const DEFAULT_SESSION_MS = 6000;
/** Kafka's requests give times in ms as 32-bit numbers, and a rebalance may take several sessions. */
const LONGEST_SESSION_MS = 86_400_000;
const LONGEST_DEFAULT_HEARTBEAT_MS = 300;
/** Kubernetes kills after 30 s. */
const DEFAULT_STOP_MS = 25_000;
const DEFAULT_PRESENCE = "127.0.0.1";

/**
 * What a worker runs with, each setting looked up in this order: flag, environment, code, default. An empty environment
 * variable counts as not set.
 *
 * Errors: `INVALID_URL`, `INVALID_DURATION`, `INVALID_NAME`, `INVALID_OPTION`; the sentence names where the value came from.
 */
export function resolveSettings(options: AppOptions, given: SettingSources): WorkerSettings {
  const url = lookUp("url", options.url, given) ?? byDefault(DEFAULT_URL);
  checkUrl(url);
  const sessionTimeout = duration("session-timeout", options.sessionTimeout, given) ?? byDefault(DEFAULT_SESSION_MS);
  const heartbeatInterval = duration("heartbeat-interval", options.heartbeatInterval, given) ??
    byDefault(Math.max(1, Math.min(LONGEST_DEFAULT_HEARTBEAT_MS, Math.floor(sessionTimeout.value / 20))));
  if (sessionTimeout.value > LONGEST_SESSION_MS) {
    throw new MephistoError(
      "INVALID_DURATION",
      `A session timeout of ${formatDuration(sessionTimeout.value)} (from ${sessionTimeout.from}) is too long: the ` +
        `longest is ${formatDuration(LONGEST_SESSION_MS)}, and brokers allow 30m unless they are told otherwise.`,
    );
  }
  if (heartbeatInterval.value * 3 > sessionTimeout.value) {
    throw new MephistoError(
      "INVALID_OPTION",
      `A heartbeat interval of ${
        formatDuration(heartbeatInterval.value)
      } (from ${heartbeatInterval.from}) is too long ` +
        `for a session timeout of ${formatDuration(sessionTimeout.value)} (from ${sessionTimeout.from}): ` +
        `make it at most a third.`,
    );
  }
  const instanceId = lookUp("instance-id", options.instanceId, given);
  if (instanceId) checkName(instanceId.value, instanceId.from, "It names a place in the group");
  const name = lookUp<string>("name", undefined, given);
  if (name) checkName(name.value, name.from, "It names this worker");
  return {
    url,
    sessionTimeout,
    heartbeatInterval,
    stopTimeout: stopTimeoutOf(options, given),
    instanceId: instanceId ?? byDefault(undefined),
    name: name ?? byDefault(undefined),
    version: versionOf(options, given),
    bufferMemory: bufferMemory(given, options.bufferMemory),
    presence: presence(given, options.presenceBind),
    evictOn: evictOn(given, options.evictOn),
    master: mayBeMaster(given, options.master),
    deadLetterDir: deadLetterDir(given, options.deadLetterDir),
  };
}

/** The group's members are compared by it, and Kafka keeps what all of them say in one record. */
const LONGEST_VERSION_CHARS = 64;

function versionOf(options: AppOptions, given: SettingSources): Setting<string> {
  const version = lookUp("version", options.version, { flags: {}, env: given.env }) ?? byDefault("");
  if (version.value.length <= LONGEST_VERSION_CHARS) return version;
  throw new MephistoError(
    "INVALID_OPTION",
    `The version from ${version.from} has ${version.value.length} characters, and may have ${LONGEST_VERSION_CHARS} at most: ` +
      "all workers of a group tell each other theirs.",
  );
}

/** How long stopping may take in all, in ms. Errors: `INVALID_DURATION`. */
export function stopTimeoutOf(options: AppOptions, given: SettingSources): Setting<number> {
  return duration("stop-timeout", options.stopTimeout, given) ?? byDefault(DEFAULT_STOP_MS);
}

/** The name of the environment variable that stands for a flag: `web-port` → `MEPHISTO_WEB_PORT`. */
export function variableOf(flag: string): string {
  return `MEPHISTO_${flag.replaceAll("-", "_").toUpperCase()}`;
}

/** Looks a setting up by its flag's name: flag, environment, code. */
export function lookUp<T extends string | Duration>(
  flag: string,
  code: T | undefined,
  given: SettingSources,
): Setting<T | string> | undefined {
  const fromFlag = given.flags[flag];
  if (fromFlag !== undefined) return { value: fromFlag, from: `--${flag}` };
  const name = variableOf(flag);
  const fromEnv = given.env[name];
  if (fromEnv) return { value: fromEnv, from: name };
  return code === undefined ? undefined : { value: code, from: "the code" };
}

function byDefault<T>(value: T): Setting<T> {
  return { value, from: "the default" };
}

function duration(flag: string, code: Duration | undefined, given: SettingSources): Setting<number> | undefined {
  const setting = lookUp(flag, code, given);
  return setting && { value: positiveMilliseconds(setting.value, nameOf(setting.from, flag)), from: setting.from };
}

function bufferMemory(given: SettingSources, code: string | number | undefined): Setting<number> {
  const setting = lookUp("buffer-memory", code, given);
  if (setting === undefined) return byDefault(DEFAULT_BUFFER_BYTES);
  const { value, from } = setting;
  return { value: typeof value === "number" ? value : bytesOf(value, nameOf(from, "buffer-memory")), from };
}

function presence(given: SettingSources, code: string | undefined): Setting<string | undefined> {
  const setting = lookUp<string>("presence-bind", code, given);
  if (setting === undefined) return byDefault(DEFAULT_PRESENCE);
  const { value, from } = setting;
  if (value === "off") return { value: undefined, from };
  const address = value.replace(/^\[(.*)\]$/, "$1");
  // It is also what the others are told to connect to.
  if (isIP(address) !== 0 && !/^[0:.]+$/.test(address)) return { value: address, from };
  throw new MephistoError(
    "INVALID_OPTION",
    `${nameOf(from, "presence-bind")}: ${
      JSON.stringify(value)
    } is not an address at which other workers find this one: ` +
      `give one of this machine's, such as 127.0.0.1 or 10.0.0.5, or off.`,
  );
}

function evictOn(given: SettingSources, code: "proof" | "reset" | undefined): Setting<"proof" | "reset"> {
  const setting = lookUp<string>("evict-on", code, given);
  if (setting === undefined) return byDefault("proof");
  const { value, from } = setting;
  if (value === "proof" || value === "reset") return { value, from };
  throw new MephistoError(
    "INVALID_OPTION",
    `${nameOf(from, "evict-on")}: ${JSON.stringify(value)} is neither proof nor reset.`,
  );
}

function deadLetterDir(given: SettingSources, code: string | undefined): Setting<string | undefined> {
  const { value, from } = lookUp<string>("dead-letter-dir", code, given) ?? byDefault(".");
  return { value: value === "off" ? undefined : value, from };
}

/** The flag and the variable say no, the code may say either. A flag that is on unless it is given says nothing. */
function mayBeMaster({ flags, env }: SettingSources, code: boolean | undefined): Setting<boolean> {
  if (flags.master === "false") return { value: false, from: "--no-master" };
  const from = "MEPHISTO_NO_MASTER";
  const value = env[from];
  if (!value) return code === undefined ? byDefault(true) : { value: code, from: "the code" };
  if (/^(1|true|yes|on)$/i.test(value)) return { value: false, from };
  if (/^(0|false|no|off)$/i.test(value)) return { value: true, from };
  throw new MephistoError("INVALID_OPTION", `${from}: ${JSON.stringify(value)} is neither true nor false.`);
}

/** Only the form; what reads the address says the rest. */
function checkUrl({ value, from }: Setting<string>): void {
  if (/^kafka(\+ssl)?:\/\/[^/]/.test(value)) return;
  throw new MephistoError(
    "INVALID_URL",
    `${nameOf(from, "url")}: ${JSON.stringify(redact(value))} is not an address of Kafka. ` +
      `Write kafka://host:port, or kafka+ssl://host:port for an encrypted connection.`,
  );
}

/** Names a setting in an error: a flag or a variable says what it is by itself. */
function nameOf(from: string, flag: string): string {
  return from === "the code"
    ? `${flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())} in the code`
    : from;
}
