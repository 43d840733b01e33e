import type { Acknowledgements } from "../../../core/acknowledgements.ts";
import { partitionKey, type TopicPartition } from "../../../core/topic-partition.ts";

/** What waits of one topic. */
export interface InTopic {
  waiting: number;
  /** Whether it has taken so much of what there is for all that not even one batch of each partition may be added. */
  isCrowded: boolean;
}

/** What asks a broker for it. */
export interface ReadingSession {
  /** Whether a request is under way. */
  readonly isUnderWay: boolean;
  want(reading: Reading): void;
  unwant(reading: Reading): void;
}

/** One partition that is being read. */
export interface Reading extends TopicPartition {
  readonly acks: Acknowledgements;
  topicId: string;
  /** The next offset to ask for. */
  position: number;
  /** The leader epoch of the batch before it; -1: unknown. */
  leaderEpoch: number;
  /** Bytes that have come and not been handed out to the end. */
  waiting: number;
  /** The same of all partitions of its topic that are read. */
  readonly inTopic: InTopic;
  notBefore: number;
  /** Counts up when what has come is no longer to be delivered. */
  version: number;
  /** The broker that it is asked of; -1: none is known to lead it. */
  nodeId: number;
  /** Which asks for it; undefined: it waits, for room or for its time. */
  session: ReadingSession | undefined;
}

/** All that are read, found by their names, and by what an answer calls them. */
export class Readings {
  readonly #byName = new Map<string, Reading>();
  readonly #inTopics = new Map<string, InTopic>();
  readonly #byId = new Map<string, Map<number, Reading>>();

  get size(): number {
    return this.#byName.size;
  }

  get(at: TopicPartition): Reading | undefined {
    return this.#byName.get(partitionKey(at));
  }

  byId(topicId: string, partition: number): Reading | undefined {
    return this.#byId.get(topicId)?.get(partition);
  }

  all(): Iterable<Reading> {
    return this.#byName.values();
  }

  inTopic(topic: string): InTopic {
    let found = this.#inTopics.get(topic);
    if (found === undefined) this.#inTopics.set(topic, found = { waiting: 0, isCrowded: false });
    return found;
  }

  /** By topic, of those that are read or were. */
  get inTopics(): ReadonlyMap<string, InTopic> {
    return this.#inTopics;
  }

  topics(): string[] {
    return [...new Set([...this.#byName.values()].map(({ topic }) => topic))];
  }

  add(reading: Reading): void {
    this.#byName.set(partitionKey(reading), reading);
    this.#index(reading);
  }

  delete(reading: Reading): void {
    this.#byName.delete(partitionKey(reading));
    this.#unindex(reading);
  }

  /** Its topic is another one now. */
  renamed(reading: Reading, topicId: string): void {
    this.#unindex(reading);
    reading.topicId = topicId;
    this.#index(reading);
  }

  #index(reading: Reading): void {
    const partitions = this.#byId.get(reading.topicId);
    if (partitions) partitions.set(reading.partition, reading);
    else this.#byId.set(reading.topicId, new Map([[reading.partition, reading]]));
  }

  #unindex(reading: Reading): void {
    const partitions = this.#byId.get(reading.topicId);
    if (partitions?.get(reading.partition) === reading) partitions.delete(reading.partition);
    if (partitions?.size === 0) this.#byId.delete(reading.topicId);
  }
}
