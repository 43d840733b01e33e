import { type ConfigKey, type ConfigType, topicConfigs } from "./configs.ts";

/**
 * When a broker's setting has an effect here: `always`, so that it can be altered while the broker runs; `start`, so that it
 * has to be there when the broker starts; `none`, since there is nothing for it to do; `fixed`: it says what the broker is.
 */
export type Effect = "always" | "start" | "none" | "fixed";

export interface BrokerConfig extends Omit<ConfigKey, "default"> {
  /** Null: none, as long as it is not set. */
  readonly default: string | null;
  readonly effect: Effect;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A broker's setting that a topic goes by which does not have its own, and how many of the topic's units it counts in. */
export interface TopicDefault {
  readonly name: string;
  readonly factor: number;
}

/** The broker's settings that topics have their defaults from, the most important first. */
export const topicDefaults: ReadonlyMap<string, readonly TopicDefault[]> = new Map(
  Object.entries({
    "cleanup.policy": ["log.cleanup.policy"],
    "compression.gzip.level": ["compression.gzip.level"],
    "compression.lz4.level": ["compression.lz4.level"],
    "compression.type": ["compression.type"],
    "compression.zstd.level": ["compression.zstd.level"],
    "delete.retention.ms": ["log.cleaner.delete.retention.ms"],
    "file.delete.delay.ms": ["log.segment.delete.delay.ms"],
    "flush.messages": ["log.flush.interval.messages"],
    "flush.ms": ["log.flush.interval.ms"],
    "index.interval.bytes": ["log.index.interval.bytes"],
    "local.retention.bytes": ["log.local.retention.bytes"],
    "local.retention.ms": ["log.local.retention.ms"],
    "max.compaction.lag.ms": ["log.cleaner.max.compaction.lag.ms"],
    "max.message.bytes": ["message.max.bytes"],
    "message.timestamp.after.max.ms": ["log.message.timestamp.after.max.ms"],
    "message.timestamp.before.max.ms": ["log.message.timestamp.before.max.ms"],
    "message.timestamp.type": ["log.message.timestamp.type"],
    "min.cleanable.dirty.ratio": ["log.cleaner.min.cleanable.ratio"],
    "min.compaction.lag.ms": ["log.cleaner.min.compaction.lag.ms"],
    "min.insync.replicas": ["min.insync.replicas"],
    "preallocate": ["log.preallocate"],
    "retention.bytes": ["log.retention.bytes"],
    "retention.ms": ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    "segment.bytes": ["log.segment.bytes"],
    "segment.index.bytes": ["log.index.size.max.bytes"],
    "segment.jitter.ms": ["log.roll.jitter.ms"],
    "segment.ms": ["log.roll.ms", "log.roll.hours"],
    "unclean.leader.election.enable": ["unclean.leader.election.enable"],
  }).map(([topic, names]) => [topic, names.map((name) => ({ name, factor: factorOf(name) }))]),
);

function factorOf(name: string): number {
  return name.endsWith(".hours") ? HOUR_MS : name.endsWith(".minutes") ? MINUTE_MS : 1;
}

/** Of the settings above: without a value of their own, as in Kafka. */
const UNSET = [
  "log.flush.interval.ms",
  "log.retention.ms",
  "log.retention.minutes",
  "log.roll.jitter.ms",
  "log.roll.ms",
];

function fromTopics(): BrokerConfig[] {
  return [...topicDefaults].flatMap(([topic, defaults]) =>
    defaults.map(({ name, factor }): BrokerConfig => {
      const { allows, doc, type, default: fallback } = topicConfigs.get(topic) ?? unknown(topic);
      const inUnits = (value: string) => Number(value) < 0 ? value : String(Number(value) * factor);
      const isWhole = factor > 1;
      return {
        name,
        type: isWhole ? "int" : type,
        default: UNSET.includes(name) ? null : isWhole ? String(Number(fallback) / factor) : fallback,
        allows: isWhole ? (value) => allows(inUnits(value)) : allows,
        effect: isWhole ? "start" : "always",
        doc: `The default of the topics' ${topic}. ${doc}`,
      };
    })
  );
}

function unknown(topic: string): never {
  throw new Error(`topics have no ${topic}`);
}

const isSize = (value: string) => Number(value) >= 1;
const isCount = (value: string) => Number(value) >= 0;

function of(effect: Effect, allows: (value: string) => boolean = () => true) {
  return (name: string, type: ConfigType, fallback: string | null, doc: string): BrokerConfig => (
    { name, type, default: fallback, effect, doc, allows }
  );
}

const start = of("start", isSize);
const wait = of("start", isCount);
const idle = of("none");

/** Settings that count from the start on; what Kafka has another default for says so. */
const fromStart: readonly BrokerConfig[] = [
  of("start")("auto.create.topics.enable", "boolean", "true", "Whether a topic that a client asks for is created."),
  start("num.partitions", "int", "1", "How many partitions a topic gets for which no number is given."),
  start("group.min.session.timeout.ms", "int", "6000", "The shortest session that a member of a group may ask for."),
  start("group.max.session.timeout.ms", "int", "1800000", "The longest session that a member of a group may ask for."),
  wait(
    "group.initial.rebalance.delay.ms",
    "int",
    "0",
    "How long the first member of an empty group waits for others; 3000 in Kafka.",
  ),
  start("group.max.size", "int", "2147483647", "How many members a group may have."),
  wait("offset.metadata.max.bytes", "int", "4096", "How much a client may keep beside a committed offset."),
  start("offsets.retention.minutes", "int", "10080", "How long the offsets of an empty group are kept."),
  start("offsets.retention.check.interval.ms", "long", "600000", "How often offsets that are too old are looked for."),
  start("transaction.max.timeout.ms", "int", "900000", "The longest time that a transaction may ask for."),
  start("transactional.id.expiration.ms", "int", "604800000", "How long a transactional id is known that is not used."),
  start(
    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    "int",
    "10000",
    "How often transactions that took too long are looked for.",
  ),
  start(
    "transaction.remove.expired.transaction.cleanup.interval.ms",
    "int",
    "3600000",
    "How often transactional ids that are too old are looked for.",
  ),
  start("connections.max.idle.ms", "long", "600000", "After what time a connection that is idle is closed."),
  start("max.connections", "int", "1000", "How many clients may be connected; without a limit in Kafka."),
  start("socket.request.max.bytes", "int", "104857600", "The largest Produce; other requests may have 16 MiB."),
  start(
    "log.retention.check.interval.ms",
    "long",
    "5000",
    "How often old records are looked for, and what can be compacted; 300000 in Kafka.",
  ),
];

/** Kafka's settings that tools look for, and that have nothing to do here. */
const withoutEffect: readonly BrokerConfig[] = [
  idle("auto.leader.rebalance.enable", "boolean", "true", "Whether leaders go back to where they belong."),
  idle("background.threads", "int", "10", "Threads for work in the background."),
  idle("broker.rack", "string", null, "The rack that the broker is in."),
  idle("controlled.shutdown.enable", "boolean", "true", "Whether a broker gives up its leaders before it stops."),
  idle("default.replication.factor", "int", "1", "How many replicas a topic has for which no number is given."),
  idle("delete.topic.enable", "boolean", "true", "Whether topics can be deleted."),
  idle("fetch.max.bytes", "int", "57671680", "The largest answer to a Fetch."),
  idle("group.coordinator.rebalance.protocols", "list", "classic", "The protocols of groups."),
  idle("inter.broker.listener.name", "string", null, "The listener that brokers use among themselves."),
  idle("log.cleaner.enable", "boolean", "true", "Whether topics are compacted."),
  idle("log.cleaner.threads", "int", "1", "Threads that compact."),
  idle("max.connections.per.ip", "int", "2147483647", "How many connections an address may have."),
  idle("max.incremental.fetch.session.cache.slots", "int", "0", "How many fetch sessions are kept; 1000 in Kafka."),
  idle("num.io.threads", "int", "8", "Threads that work on requests."),
  idle("num.network.threads", "int", "3", "Threads that read and write the network."),
  idle("num.recovery.threads.per.data.dir", "int", "2", "Threads that read the logs at the start."),
  idle("num.replica.fetchers", "int", "1", "Threads that copy from leaders."),
  idle("offsets.topic.num.partitions", "int", "50", "The partitions of __consumer_offsets."),
  idle("offsets.topic.replication.factor", "short", "1", "The replicas of __consumer_offsets."),
  idle("producer.id.expiration.ms", "int", "86400000", "How long a producer is known that writes nothing."),
  idle("queued.max.requests", "int", "500", "How many requests wait before the network is read on."),
  idle("replica.lag.time.max.ms", "long", "30000", "After what time a replica that lags is out of sync."),
  idle("request.timeout.ms", "int", "30000", "How long a client waits for an answer."),
  idle("socket.receive.buffer.bytes", "int", "102400", "The receive buffer of a socket."),
  idle("socket.send.buffer.bytes", "int", "102400", "The send buffer of a socket."),
  idle("transaction.state.log.min.isr", "int", "1", "How many replicas of __transaction_state have to be in sync."),
  idle("transaction.state.log.num.partitions", "int", "50", "The partitions of __transaction_state."),
  idle("transaction.state.log.replication.factor", "short", "1", "The replicas of __transaction_state."),
];

/** What is said of the broker itself. */
const fixed = of("fixed");
const identity: readonly BrokerConfig[] = [
  fixed("advertised.listeners", "string", null, "Where clients connect."),
  fixed("broker.id", "int", null, "The number of the broker."),
  fixed("listeners", "string", null, "Where the broker listens."),
  fixed("log.dirs", "string", null, "Where the logs are kept."),
  fixed("node.id", "int", null, "The number of the broker."),
  fixed("process.roles", "list", null, "What the process is."),
];

/** The settings of a broker that there are, by name. */
export const brokerConfigs: ReadonlyMap<string, BrokerConfig> = new Map(
  [...fromTopics(), ...fromStart, ...withoutEffect, ...identity].map((one) => [one.name, one]),
);
