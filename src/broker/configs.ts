import { CODEC_NAMES } from "../wire/codec.ts";
import type { LogConfig } from "./log/config.ts";

/** The types of a value, by their numbers in DescribeConfigs. */
export const configTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const;

export type ConfigType = keyof typeof configTypes;

export interface ConfigKey {
  readonly name: string;
  readonly type: ConfigType;
  readonly default: string;
  /** Whether a value, which is of the type, is allowed. */
  readonly allows: (value: string) => boolean;
}

const COMPRESSIONS = [...CODEC_NAMES, "uncompressed", "producer"] as const;
const LONG_MAX = "9223372036854775807";
const atLeast = (least: number) => (value: string) => Number(value) >= least;
const oneOf = (...words: string[]) => (value: string) => words.includes(value);
const anything = () => true;
const ratio = (value: string) => Number(value) >= 0 && Number(value) <= 1;

function key(name: string, type: ConfigType, fallback: string, allows: (value: string) => boolean): ConfigKey {
  return { name, type, default: fallback, allows };
}

/**
 * What can be set for a topic, as in Kafka 4.1. Some of it does nothing here, since there is nothing for it to do:
 * `flush.*`, as with a folder every answer waits for the disk; what is about replicas (`*.throttled.replicas`,
 * `unclean.leader.election.enable`), tiers (`local.*`, `remote.*`), indexes and files (`index.interval.bytes`,
 * `segment.index.bytes`, `preallocate`, `file.delete.delay.ms`, `segment.jitter.ms`); and the levels of compression.
 */
export const topicConfigs: ReadonlyMap<string, ConfigKey> = new Map([
  key(
    "cleanup.policy",
    "list",
    "delete",
    (value) => value.split(",").every((one) => /^(delete|compact)$/.test(one.trim())),
  ),
  key("compression.gzip.level", "int", "-1", (value) => value === "-1" || (Number(value) >= 1 && Number(value) <= 9)),
  key("compression.lz4.level", "int", "9", (value) => Number(value) >= 1 && Number(value) <= 17),
  key("compression.type", "string", "producer", oneOf(...COMPRESSIONS)),
  key("compression.zstd.level", "int", "3", (value) => Number(value) >= -131072 && Number(value) <= 22),
  key("delete.retention.ms", "long", "86400000", atLeast(0)),
  key("file.delete.delay.ms", "long", "60000", atLeast(0)),
  key("flush.messages", "long", LONG_MAX, atLeast(1)),
  key("flush.ms", "long", LONG_MAX, atLeast(0)),
  key("follower.replication.throttled.replicas", "list", "", anything),
  key("index.interval.bytes", "int", "4096", atLeast(0)),
  key("leader.replication.throttled.replicas", "list", "", anything),
  key("local.retention.bytes", "long", "-2", atLeast(-2)),
  key("local.retention.ms", "long", "-2", atLeast(-2)),
  key("max.compaction.lag.ms", "long", LONG_MAX, atLeast(1)),
  key("max.message.bytes", "int", "1048588", atLeast(0)),
  key("message.timestamp.after.max.ms", "long", "3600000", atLeast(0)),
  key("message.timestamp.before.max.ms", "long", LONG_MAX, atLeast(0)),
  key("message.timestamp.type", "string", "CreateTime", oneOf("CreateTime", "LogAppendTime")),
  key("min.cleanable.dirty.ratio", "double", "0.5", ratio),
  key("min.compaction.lag.ms", "long", "0", atLeast(0)),
  key("min.insync.replicas", "int", "1", atLeast(1)),
  key("preallocate", "boolean", "false", anything),
  key("remote.log.copy.disable", "boolean", "false", anything),
  key("remote.log.delete.on.disable", "boolean", "false", anything),
  key("remote.storage.enable", "boolean", "false", anything),
  key("retention.bytes", "long", "-1", anything),
  key("retention.ms", "long", "604800000", atLeast(-1)),
  key("segment.bytes", "int", "1073741824", atLeast(1024 * 1024)),
  key("segment.index.bytes", "int", "10485760", atLeast(4)),
  key("segment.jitter.ms", "long", "0", atLeast(0)),
  key("segment.ms", "long", "604800000", atLeast(1)),
  key("unclean.leader.election.enable", "boolean", "false", anything),
].map((one) => [one.name, one]));

/** Why a value cannot be set, in a sentence; undefined: it can. */
export function refuse(name: string, value: string | null): string | undefined {
  const config = topicConfigs.get(name);
  if (config === undefined) return `Unknown topic config name: ${name}`;
  if (value === null) return `Null value not supported for topic configs: ${name}`;
  const trimmed = value.trim();
  if (!isOfType(config.type, trimmed)) {
    return `Invalid value ${value} for configuration ${name}: Not a ${config.type}`;
  }
  if (!config.allows(trimmed)) return `Invalid value ${value} for configuration ${name}`;
  return undefined;
}

/** Why these values do not go together, in a sentence; undefined: they do. */
export function refuseTogether(config: ReadonlyMap<string, string>): string | undefined {
  const number = (name: string) => Number(valueOf(config, name));
  if (number("min.compaction.lag.ms") > number("max.compaction.lag.ms")) {
    return "conflict topic config setting min.compaction.lag.ms > max.compaction.lag.ms";
  }
  if (valueOf(config, "remote.storage.enable") === "true") {
    return "Tiered Storage functionality is disabled in the broker";
  }
  return undefined;
}

export function valueOf(config: ReadonlyMap<string, string>, name: string): string {
  return config.get(name) ?? topicConfigs.get(name)?.default ?? "";
}

/** What the logs of a topic go by. */
export function logConfigOf(config: ReadonlyMap<string, string>): LogConfig {
  const number = (name: string) => Number(valueOf(config, name));
  const compression = valueOf(config, "compression.type");
  const policies = valueOf(config, "cleanup.policy").split(",").map((one) => one.trim());
  const compact = policies.includes("compact");
  const maxCompactionLagMs = number("max.compaction.lag.ms");
  return {
    compact,
    delete: policies.includes("delete"),
    maxMessageBytes: number("max.message.bytes"),
    segmentBytes: number("segment.bytes"),
    // What is still written to is not compacted, so it may not be for longer.
    segmentMs: Math.min(number("segment.ms"), compact ? maxCompactionLagMs : Infinity),
    retentionMs: number("retention.ms"),
    retentionBytes: number("retention.bytes"),
    deleteRetentionMs: number("delete.retention.ms"),
    minCleanableRatio: number("min.cleanable.dirty.ratio"),
    minCompactionLagMs: number("min.compaction.lag.ms"),
    maxCompactionLagMs,
    compression: COMPRESSIONS.find((one) => one === compression) ?? "producer",
    logAppendTime: valueOf(config, "message.timestamp.type") === "LogAppendTime",
    timestampBeforeMax: number("message.timestamp.before.max.ms"),
    timestampAfterMax: number("message.timestamp.after.max.ms"),
    minInsyncReplicas: number("min.insync.replicas"),
    maxDecompressed: 128 * 1024 * 1024,
  };
}

function isOfType(type: ConfigType, value: string): boolean {
  switch (type) {
    case "boolean":
      return /^(true|false)$/i.test(value);
    case "int":
      return /^[+-]?\d+$/.test(value) && Math.abs(Number(value)) <= 0x7fffffff;
    case "long":
      return /^[+-]?\d+$/.test(value) && Math.abs(Number(value)) <= Number(LONG_MAX);
    case "double":
      return value !== "" && Number.isFinite(Number(value));
    case "string":
    case "list":
      return true;
  }
}
