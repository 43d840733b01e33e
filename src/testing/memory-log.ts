import type { OutgoingRecord, TopicPartition } from "../driver/driver.ts";
import { Group } from "./groups.ts";
import { trueWall } from "./host.ts";
import { type AppendError, type Batch, Partition } from "./partition.ts";
import type { Random } from "./random.ts";
import type { VirtualTime } from "./time.ts";
import { type ProducerState, type TransactionError, Transactions } from "./transactions.ts";

/** A topic: deleted and created again under its name it is another, with another id. */
export interface Topic {
  readonly name: string;
  readonly id: string;
  readonly partitions: Partition[];
  readonly compacted: boolean;
  /** The largest value that is taken, in bytes. */
  readonly maxBytes: number;
}

export type LogError =
  | AppendError
  | TransactionError
  | "UNKNOWN_TOPIC_OR_PARTITION"
  | "UNKNOWN_TOPIC_ID"
  | "OFFSET_OUT_OF_RANGE"
  | "INVALID_REPLICATION_FACTOR"
  | "NOT_ENOUGH_REPLICAS"
  | "TOPIC_ALREADY_EXISTS";

/** Of a batch: where it goes, and whose it is. `transactionalId` undefined: outside of transactions. */
export interface Append extends TopicPartition {
  readonly batch: Batch;
  readonly transactionalId: string | undefined;
  /** The topic's id, when it has to be this one. */
  readonly topicId: string | undefined;
}

export interface Fetched {
  readonly error?: LogError;
  readonly messages: ReturnType<Partition["read"]>["messages"];
  readonly next: number;
  readonly end: number;
}

/** A cluster in memory: topics, groups, transactions. What is asked of it is executed at once; the network is another's. */
export class MemoryLog {
  readonly time: VirtualTime;
  readonly transactions: Transactions;
  readonly topics = new Map<string, Topic>();
  /** How it would be if readers took the last stable offset for the end. For tests that must notice. */
  endsAtStable = false;
  /** Topics that take nothing at the moment. */
  readonly away = new Set<string>();
  /** Called with each batch that was appended. */
  onAppended: ((topic: string, partition: number, first: number, batch: Batch) => void) | undefined;
  readonly #groups = new Map<string, Group>();
  #nextTopic = 1;

  constructor(time: VirtualTime, random: Random) {
    this.time = time;
    this.transactions = new Transactions(time, random, () => this.wall());
  }

  /** The log's own clock, in ms since the epoch. */
  wall(): number {
    return trueWall(this.time);
  }

  group(id: string): Group {
    let group = this.#groups.get(id);
    if (group === undefined) this.#groups.set(id, group = new Group(this.time));
    return group;
  }

  createTopic(
    name: string,
    { partitions = 1, replicationFactor = 1, compacted = false, maxBytes = 1 << 20 } = {},
  ): Topic | LogError {
    if (this.topics.has(name)) return "TOPIC_ALREADY_EXISTS";
    if (replicationFactor > 1) return "INVALID_REPLICATION_FACTOR";
    const topic: Topic = {
      name,
      id: `topic-${this.#nextTopic++}`,
      partitions: Array.from({ length: partitions }, () => new Partition()),
      compacted,
      maxBytes,
    };
    this.topics.set(name, topic);
    return topic;
  }

  deleteTopic(name: string): void {
    const topic = this.topics.get(name);
    this.topics.delete(name);
    for (const { offsets } of this.#groups.values()) {
      for (const key of [...offsets.keys()]) if (key.startsWith(`${name}/`)) offsets.delete(key);
    }
    for (const { watchers } of topic?.partitions ?? []) for (const watcher of [...watchers]) watcher();
  }

  partition({ topic, partition }: TopicPartition): Partition | undefined {
    return this.topics.get(topic)?.partitions[partition];
  }

  append({ topic: name, partition, batch, transactionalId, topicId }: Append): number | LogError {
    const topic = this.topics.get(name);
    const log = topic?.partitions[partition];
    if (topic === undefined || log === undefined) return "UNKNOWN_TOPIC_OR_PARTITION";
    if (topicId !== undefined && topicId !== topic.id) return "UNKNOWN_TOPIC_ID";
    if (this.away.has(name)) return "NOT_ENOUGH_REPLICAS";
    if (batch.records.some((record) => sizeOf(record) > topic.maxBytes)) return "MESSAGE_TOO_LARGE";
    if (transactionalId !== undefined) {
      const error = this.transactions.verify(transactionalId, batch, log);
      if (error) return error;
    }
    const before = log.end;
    const first = log.append(batch, this.wall(), !this.transactions.acceptStaleEpoch);
    if (typeof first === "number" && log.end > before) this.onAppended?.(name, partition, first, batch);
    return first;
  }

  /** Waits for something to read, at most `wait` ms. */
  fetch(at: TopicPartition, topicId: string, from: number, wait: number, reply: (answer: Fetched) => void): void {
    const look = (): Fetched => {
      const topic = this.topics.get(at.topic);
      const log = topic?.partitions[at.partition];
      if (topic?.id !== topicId || log === undefined) {
        return { error: "UNKNOWN_TOPIC_ID", messages: [], next: from, end: 0 };
      }
      if (from < log.start || from > log.end) return { error: "OFFSET_OUT_OF_RANGE", messages: [], next: from, end: 0 };
      return { ...log.read(from), end: this.endsAtStable ? log.stable : log.end };
    };
    const first = look();
    const log = this.partition(at);
    if (first.error || first.next > from || wait <= 0 || log === undefined) return reply(first);
    const answer = () => {
      log.watchers.delete(answer);
      late.run = undefined;
      reply(look());
    };
    log.watchers.add(answer);
    const late = this.time.after(wait, answer);
  }
}

/** Whether an answer is an error. */
export function isError(answer: number | ProducerState | LogError): answer is LogError {
  return typeof answer === "string";
}

/** As if what is packed took a tenth. */
function sizeOf({ key, value, compression }: OutgoingRecord): number {
  return ((key?.length ?? 0) + (value?.length ?? 0)) / (compression === undefined ? 1 : 10);
}
