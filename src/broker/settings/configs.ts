import { CODEC_NAMES } from "../../wire/codec.ts";
import type { LogConfig } from "../log/config.ts";

/** The types of a value, by their numbers in DescribeConfigs. */
export const configTypes = { boolean: 1, string: 2, int: 3, short: 4, long: 5, double: 6, list: 7 } as const;

export type ConfigType = keyof typeof configTypes;

export interface ConfigKey {
  readonly name: string;
  readonly type: ConfigType;
  readonly default: string;
  /** Whether a value, which is of the type, is allowed. */
  readonly allows: (value: string) => boolean;
  /** What it is, in a sentence. */
  readonly doc: string;
}

const COMPRESSIONS = [...CODEC_NAMES, "uncompressed", "producer"] as const;
const LONG_MAX = "9223372036854775807";
const atLeast = (least: number) => (value: string) => Number(value) >= least;
const oneOf = (...words: string[]) => (value: string) => words.includes(value);
const anything = () => true;
const ratio = (value: string) => Number(value) >= 0 && Number(value) <= 1;

function key(
  name: string,
  type: ConfigType,
  fallback: string,
  allows: (value: string) => boolean,
  doc: string,
): ConfigKey {
  return { name, type, default: fallback, allows, doc };
}

/**
 * What can be set for a topic, as in Kafka 4.1. Some of it does nothing here, since there is nothing for it to do:
 * `flush.*`, as with a folder every answer waits for the disk; what is about replicas (`*.throttled.replicas`,
 * `unclean.leader.election.enable`, and `min.insync.replicas`, since Kafka asks for no more of them than a partition has),
 * tiers (`local.*`, `remote.*`), indexes and files (`index.interval.bytes`, `segment.index.bytes`, `preallocate`,
 * `file.delete.delay.ms`, `segment.jitter.ms`); and the levels of compression.
 */
export const topicConfigs: ReadonlyMap<string, ConfigKey> = new Map([
  key(
    "cleanup.policy",
    "list",
    "delete",
    (value) => value.split(",").every((one) => /^(delete|compact)$/.test(one.trim())),
    "What happens to old records: delete removes them by age and size, compact keeps the last one of each key; both may be given.",
  ),
  key(
    "compression.gzip.level",
    "int",
    "-1",
    (value) => value === "-1" || (Number(value) >= 1 && Number(value) <= 9),
    "The level of gzip where compression.type is gzip.",
  ),
  key(
    "compression.lz4.level",
    "int",
    "9",
    (value) => Number(value) >= 1 && Number(value) <= 17,
    "The level of lz4 where compression.type is lz4.",
  ),
  key(
    "compression.type",
    "string",
    "producer",
    oneOf(...COMPRESSIONS),
    "How batches are stored: with this codec, uncompressed, or as the producer sent them.",
  ),
  key(
    "compression.zstd.level",
    "int",
    "3",
    (value) => Number(value) >= -131072 && Number(value) <= 22,
    "The level of zstd where compression.type is zstd.",
  ),
  key("delete.retention.ms", "long", "86400000", atLeast(0), "How long tombstones stay in a compacted topic."),
  key("file.delete.delay.ms", "long", "60000", atLeast(0), "How long a file waits before it is deleted."),
  key("flush.messages", "long", LONG_MAX, atLeast(1), "After how many records the disk is waited for."),
  key("flush.ms", "long", LONG_MAX, atLeast(0), "After what time the disk is waited for."),
  key(
    "follower.replication.throttled.replicas",
    "list",
    "",
    anything,
    "The replicas whose replication is throttled on the follower's side.",
  ),
  key("index.interval.bytes", "int", "4096", atLeast(0), "How many bytes lie between two entries of the index."),
  key(
    "leader.replication.throttled.replicas",
    "list",
    "",
    anything,
    "The replicas whose replication is throttled on the leader's side.",
  ),
  key(
    "local.retention.bytes",
    "long",
    "-2",
    atLeast(-2),
    "How many bytes of a partition stay local in a tiered topic; -2: retention.bytes.",
  ),
  key(
    "local.retention.ms",
    "long",
    "-2",
    atLeast(-2),
    "How long a segment stays local in a tiered topic; -2: retention.ms.",
  ),
  key("max.compaction.lag.ms", "long", LONG_MAX, atLeast(1), "The longest time for which a record is not compacted."),
  key("max.message.bytes", "int", "1048588", atLeast(0), "The largest batch of records, after compression."),
  key(
    "message.timestamp.after.max.ms",
    "long",
    "3600000",
    atLeast(0),
    "How far a record's timestamp may be ahead of the broker's clock.",
  ),
  key(
    "message.timestamp.before.max.ms",
    "long",
    LONG_MAX,
    atLeast(0),
    "How far a record's timestamp may be behind the broker's clock.",
  ),
  key(
    "message.timestamp.type",
    "string",
    "CreateTime",
    oneOf("CreateTime", "LogAppendTime"),
    "Whether a record's timestamp is the producer's or that of the append.",
  ),
  key(
    "min.cleanable.dirty.ratio",
    "double",
    "0.5",
    ratio,
    "The part of a log that is not compacted from which on it is.",
  ),
  key("min.compaction.lag.ms", "long", "0", atLeast(0), "The shortest time for which a record is not compacted."),
  key("min.insync.replicas", "int", "1", atLeast(1), "How many replicas have to be in sync for a write with acks=all."),
  key("preallocate", "boolean", "false", anything, "Whether a segment's file gets its whole size at once."),
  key(
    "remote.log.copy.disable",
    "boolean",
    "false",
    anything,
    "Whether a tiered topic is no longer copied to the remote storage.",
  ),
  key(
    "remote.log.delete.on.disable",
    "boolean",
    "false",
    anything,
    "Whether remote data is deleted when a topic is no longer tiered.",
  ),
  key("remote.storage.enable", "boolean", "false", anything, "Whether a topic is tiered."),
  key(
    "retention.bytes",
    "long",
    "-1",
    anything,
    "How many bytes a partition may have before its oldest segments are deleted; -1: any number.",
  ),
  key("retention.ms", "long", "604800000", atLeast(-1), "How old records may be before they are deleted; -1: any age."),
  key("segment.bytes", "int", "1073741824", atLeast(1024 * 1024), "The size of a segment."),
  key("segment.index.bytes", "int", "10485760", atLeast(4), "The size of a segment's index."),
  key(
    "segment.jitter.ms",
    "long",
    "0",
    atLeast(0),
    "The most that is taken off segment.ms by chance, so that segments do not end together.",
  ),
  key("segment.ms", "long", "604800000", atLeast(1), "After what time a segment ends, however little is in it."),
  key(
    "unclean.leader.election.enable",
    "boolean",
    "false",
    anything,
    "Whether a replica that is not in sync may become the leader.",
  ),
].map((one) => [one.name, one]));

/** Why a value cannot be set, in a sentence; undefined: it can. `kind`: what it is set for. */
export function refuse(
  name: string,
  value: string | null,
  keys: ReadonlyMap<string, ConfigKey> = topicConfigs,
  kind = "topic",
): string | undefined {
  const config = keys.get(name);
  if (config === undefined) return `Unknown ${kind} config name: ${name}`;
  if (value === null) return `Null value not supported for ${kind} configs: ${name}`;
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
    maxDecompressed: 128 * 1024 * 1024,
  };
}

export function isOfType(type: ConfigType, value: string): boolean {
  switch (type) {
    case "boolean":
      return /^(true|false)$/i.test(value);
    case "short":
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
