import { randomUUID } from "node:crypto";
import type { Clock } from "../../src/core/clock.ts";
import { systemTime } from "../../src/core/delay.ts";
import type { Logger } from "../../src/core/logger.ts";
import type {
  Delivery,
  Driver,
  Generation,
  JoinOptions,
  MemberListener,
  MemberProfile,
  Membership,
  OutgoingRecord,
  TopicPartition,
} from "../../src/driver/driver.ts";
import { partitionKey } from "../../src/core/topic-partition.ts";
import { Cluster } from "../../src/kafka/connection/cluster.ts";
import { KafkaDriver } from "../../src/kafka/kafka-driver.ts";
import { Producer } from "../../src/kafka/producer/producer.ts";
import type { ProducerOptions } from "../../src/kafka/producer/sender.ts";
import { parseUrl } from "../../src/kafka/connection/url.ts";

/** A logger that keeps its lines. */
export type Lines = Logger & { lines: { level: keyof Logger; message: string }[]; warnings(): string[] };

export function keptLines(): Lines {
  const lines: Lines["lines"] = [];
  const at = (level: keyof Logger) => (message: string) => void lines.push({ level, message });
  return {
    lines,
    warnings: () => lines.filter(({ level }) => level === "warn" || level === "error").map(({ message }) => message),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

const opened: (() => void)[] = [];

/** Ends the connections that tests have left open, also those that failed: for `after`. */
export function closeAll(): void {
  for (const close of opened.splice(0)) close();
}

/** A name that no other test has, also not one of another runtime against the same broker. */
export function unique(name: string): string {
  return `${name}-${randomUUID().slice(0, 8)}`;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export function record(topic: string, value: string, key?: string): OutgoingRecord {
  return {
    topic,
    key: key === undefined ? null : bytes(key),
    value: bytes(value),
    headers: [],
    timestamp: Date.now(),
  };
}

export function clusterAt(url: string): Cluster {
  const cluster = new Cluster(parseUrl(url, "test"), "kafka-test", systemTime);
  opened.push(() => cluster.close());
  return cluster;
}

/** A producer of its own, with the connections that it is closed with. */
export function producerAt(url: string, options: Partial<ProducerOptions> = {}, clock: Clock = systemTime) {
  const cluster = clusterAt(url);
  const logger = keptLines();
  const producer = new Producer(cluster, { linger: 0, compression: undefined, ...options }, logger, clock);
  opened.push(() => producer.close());
  return { producer, cluster, logger };
}

/** The code of what a promise was rejected with; "" when it was not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

/** A message that a test's handler has finished. */
export type Handled = { topic: string; partition: number; offset: number; value: string };

/** A driver of a test's own, and how its process is killed. */
export type OwnDriver = { driver: Driver; logger: Lines; kill(): Promise<void> };

/** A driver over Kafka, or over what speaks its protocol. */
export function driverAt(url: string, options: Partial<ProducerOptions> = {}): OwnDriver {
  const logger = keptLines();
  const producing = { linger: 0, compression: undefined, ...options };
  const driver = new KafkaDriver(parseUrl(url, "test"), "kafka-test", producing, logger, systemTime);
  const kill = () => driver.close(0);
  opened.push(() => void kill());
  return { driver, logger, kill };
}

type PartitionBuffer = { queue: Delivery[]; pumping: Promise<void> | undefined; dropped: boolean };

/** A member of a group, with a handler that finishes messages at once unless its test holds them up. */
export class Member implements MemberListener {
  readonly worker: string;
  readonly driver: Driver;
  readonly membership: Membership;
  readonly logger: Lines;
  readonly handled: Handled[] = [];
  readonly generations: Generation[] = [];
  readonly errors: Error[] = [];
  /** `assigned`, `revoked` and `lost` with each partition, and `removed`. */
  readonly events: string[] = [];
  /** Partitions held, as `topic/partition`. */
  readonly held = new Set<string>();
  /** What a message waits for before it is finished. */
  gate: (message: Handled) => Promise<unknown> | undefined = () => undefined;
  /** Nothing that is delivered is opened while it is true. */
  idle = false;
  readonly #buffers = new Map<string, PartitionBuffer>();
  readonly #kill: () => Promise<void>;
  #claim = 0;

  /** `at`: an address, or a driver that is its own. */
  constructor(
    at: string | OwnDriver,
    group: string,
    topics: readonly string[],
    { profile, ...more }: Partial<Omit<JoinOptions, "profile">> & { profile?: Partial<MemberProfile> } = {},
  ) {
    this.worker = unique("worker");
    const { driver, logger, kill } = typeof at === "string" ? driverAt(at) : at;
    this.driver = driver;
    this.logger = logger;
    this.#kill = kill;
    this.membership = this.driver.join({
      group,
      topics,
      profile: {
        worker: this.worker,
        runtime: "test",
        version: "",
        timers: [],
        mayBeMaster: true,
        presence: undefined,
        ...profile,
      },
      instanceId: undefined,
      sessionTimeout: 6000,
      heartbeatInterval: 100,
      ...more,
    }, this);
    opened.push(() => void this.stop(0));
  }

  /** The latest generation. */
  get generationNow(): Generation | undefined {
    return this.generations.at(-1);
  }

  /** Whether it is elected in the latest generation. */
  get elected(): boolean {
    return this.generationNow?.elected ?? false;
  }

  /** Gives up everything and leaves. */
  async stop(within = 5000): Promise<void> {
    await this.membership.leave(within);
    await this.driver.close(0);
  }

  /** Ends its connections without a word, as a process does that is killed. */
  async crash(): Promise<void> {
    await this.#kill();
  }

  /** Opens what has been delivered and left closed. */
  resume(): void {
    this.idle = false;
    for (const [key, buffer] of this.#buffers) this.#start(key, buffer);
  }

  /** How many deliveries are waiting. */
  get waiting(): number {
    return [...this.#buffers.values()].reduce((sum, { queue }) => sum + queue.length, 0);
  }

  /** How many partitions have a message in hand. */
  get lanesOpen(): number {
    return [...this.#buffers.values()].filter(({ pumping }) => pumping !== undefined).length;
  }

  /** Acts as master no more. */
  disclaim(): void {
    this.#claim = 0;
  }

  claim(): number {
    return this.membership.lease.holds() ? this.#claim : 0;
  }

  generation(generation: Generation): void {
    this.generations.push(generation);
    this.#claim = generation.elected ? this.#claim || generation.generation : 0;
  }

  assigned(partitions: readonly TopicPartition[]): void {
    for (const key of this.#note("assigned", partitions)) {
      this.held.add(key);
      this.#buffers.set(key, { queue: [], pumping: undefined, dropped: false });
    }
  }

  async revoked(partitions: readonly TopicPartition[]): Promise<void> {
    for (const key of this.#note("revoked", partitions)) {
      const buffer = this.#drop(key);
      await buffer?.pumping;
      this.held.delete(key);
    }
  }

  lost(partitions: readonly TopicPartition[]): void {
    for (const key of this.#note("lost", partitions)) {
      this.#drop(key);
      this.held.delete(key);
    }
  }

  deliver(delivery: Delivery): void {
    const key = partitionKey(delivery);
    const buffer = this.#buffers.get(key);
    if (buffer === undefined || buffer.dropped) return delivery.close();
    buffer.queue.push(delivery);
    this.#start(key, buffer);
  }

  handedOver(): void {}

  removed(): void {
    this.events.push("removed");
    this.#claim = 0;
  }

  failed(error: Error): void {
    this.errors.push(error);
  }

  #note(what: string, partitions: readonly TopicPartition[]): string[] {
    const keys = partitions.map(partitionKey);
    this.events.push(...keys.map((key) => `${what} ${key}`));
    return keys;
  }

  #drop(key: string): PartitionBuffer | undefined {
    const buffer = this.#buffers.get(key);
    if (buffer === undefined) return undefined;
    buffer.dropped = true;
    for (const delivery of buffer.queue.splice(0)) delivery.close();
    return buffer;
  }

  #start(key: string, buffer: PartitionBuffer): void {
    if (this.idle || buffer.pumping || buffer.queue.length === 0) return;
    buffer.pumping = this.#pump(buffer).finally(() => {
      buffer.pumping = undefined;
      this.#start(key, buffer);
    });
  }

  async #pump(buffer: PartitionBuffer): Promise<void> {
    for (let delivery = buffer.queue.shift(); delivery; delivery = buffer.queue.shift()) {
      const run = delivery.open();
      if (run?.messages.length === 0) run.acknowledge(0);
      for (const [index, { offset, value }] of run?.messages.entries() ?? []) {
        if (buffer.dropped) break;
        const { topic, partition } = delivery;
        const message = { topic, partition, offset, value: value === null ? "" : new TextDecoder().decode(value) };
        await this.gate(message);
        this.handled.push(message);
        run?.acknowledge(index + 1);
      }
      delivery.close();
    }
  }
}

/** The values that members have handled, in no order. */
export function valuesOf(...members: readonly Member[]): string[] {
  return members.flatMap(({ handled }) => handled.map(({ value }) => value)).sort();
}
