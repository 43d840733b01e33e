import type { Clock } from "../../core/clock.ts";
import { MephistoError } from "../../core/errors.ts";
import { groupBy } from "../../core/group-by.ts";
import { Pacer } from "../../core/delay.ts";
import { partitionKey, partitionName } from "../../core/topic-partition.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";
import { type PartitionOffset, TopicRefused, TopicsAway } from "../../driver/master-log.ts";
import { maxRecordSize } from "../../wire/batch-builder.ts";
import { partitionForKey } from "../../wire/murmur2.ts";
import type { Cluster, TopicState } from "../connection/cluster.ts";
import type { Batch, Identity } from "../producer/batch.ts";
import { BATCH_BYTES, PartitionQueue } from "../producer/partition-queue.ts";
import type { Written } from "./written.ts";
import { TOPIC_CHECK_MS } from "../producer/timeouts.ts";

export interface TransactionQueuesParts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  /** The topic of the journal, which takes no messages. */
  readonly journal: string;
  /** Of the producer, in its current epoch. */
  identity(): Identity;
}

/** Where a record went: it was the batch's `count`th. */
export interface Place {
  readonly queue: PartitionQueue;
  readonly batch: Batch;
  readonly count: number;
}

/** Spreads the records of transactions over queues of their partitions. */
export class TransactionQueues {
  readonly #parts: TransactionQueuesParts;
  /** How large batches for a topic may be that takes less than usual, in bytes. */
  readonly #batchBytes = new Map<string, number>();
  readonly #checked = new Map<string, number>();
  /** The sequences of partitions, where an epoch outlives a transaction. */
  #sequences = new Map<string, number>();
  #sequencesOf: unknown;
  #turn = 0;

  constructor(parts: TransactionQueuesParts) {
    this.#parts = parts;
  }

  /**
   * The records by their partitions, and, where it is asked for, the batch that each went to. Errors: `UNKNOWN_TOPIC`,
   * `UNREACHABLE`.
   */
  async of(
    records: readonly OutgoingRecord[],
    places: boolean,
  ): Promise<{ queues: PartitionQueue[]; batches: Place[] }> {
    const { cluster, clock, journal } = this.#parts;
    const now = clock.monotonic();
    const topics = new Map<string, PartitionQueue[]>();
    for (const [topic] of groupBy(records, ({ topic }) => topic)) {
      if (topic === journal) {
        throw new MephistoError("INVALID_OPTION", `Topic ${topic} is the master's journal, and takes no messages.`);
      }
      const { leaders } = await this.#known(topic);
      topics.set(topic, leaders.map((_, partition) => this.queue(topic, partition)));
      if (now > (this.#checked.get(topic) ?? now) + TOPIC_CHECK_MS) cluster.refresh([topic]).catch(() => {}); // sending would say so
      else if (this.#checked.has(topic)) continue;
      this.#checked.set(topic, now);
    }
    const turns = new Pacer(clock);
    const batches: Place[] = [];
    for (const { topic, key, value, headers, timestamp } of records) {
      const rest = turns.due();
      if (rest) await rest;
      const queues = topics.get(topic) ?? [];
      const index = key === null ? this.#turn++ % queues.length : partitionForKey(key, queues.length);
      const queue = queues[index];
      if (queue === undefined) throw new Error("unreachable: a partition that the topic has not");
      const batch = queue.batchFor(maxRecordSize(key, value, headers), now);
      batch.builder.append(key, value, headers, timestamp);
      if (places) batches.push({ queue, batch, count: batch.count });
    }
    return { queues: [...topics.values()].flat().filter((queue) => !queue.empty), batches };
  }

  /** Before a transaction is begun, which others would wait for: a topic without a leader takes nothing. Errors: `TopicsAway`. */
  async checkLeaders(queues: readonly PartitionQueue[]): Promise<void> {
    const { cluster } = this.#parts;
    const headless = () => queues.filter(({ topic, partition }) => cluster.leader(topic, partition) < 0);
    const found = headless();
    if (found.length === 0) return;
    await cluster.refresh([...new Set(found.map(({ topic }) => topic))]);
    const left = headless().filter(({ topic }) => cluster.topic(topic) !== undefined); // else it is refused, as gone
    const [first] = left;
    if (first === undefined) return;
    const topics = left.map(({ topic }) => topic);
    throw new TopicsAway(topics, `${partitionName(first)} has no leader.`);
  }

  /** A topic of which something is known. Errors: `UNKNOWN_TOPIC`, of all that goes there; `UNREACHABLE`. */
  async #known(topic: string): Promise<TopicState> {
    try {
      return await this.#parts.cluster.known(topic);
    } catch (error) {
      if (!(error instanceof MephistoError) || error.code !== "UNKNOWN_TOPIC") throw error;
      throw new TopicRefused(topic, error.code, error.message, { cause: error });
    }
  }

  /** An empty one, whose sequence goes on from what was written. */
  queue(topic: string, partition: number): PartitionQueue {
    const queue = new PartitionQueue(topic, partition, this.#batchBytes.get(topic));
    const identity = this.#parts.identity();
    if (this.#sequencesOf !== identity) {
      this.#sequencesOf = identity;
      this.#sequences = new Map();
    }
    queue.renew(identity, this.#sequences.get(partitionKey(queue)) ?? 0);
    return queue;
  }

  written(queues: readonly PartitionQueue[]): void {
    for (const queue of queues) this.#sequences.set(partitionKey(queue), queue.next);
  }

  /** A batch for a topic was too large: the next are smaller, until each message goes alone. */
  tooLarge(topic: string): void {
    this.#batchBytes.set(topic, (this.#batchBytes.get(topic) ?? BATCH_BYTES) / 4);
  }

  /**
   * Whether all of it fits into one request. Two brokers that add partitions to a transaction at the same moment get in
   * each other's way, and the one that comes second waits for 20 ms.
   */
  haveOneLeader(queues: readonly PartitionQueue[]): boolean {
    const { cluster } = this.#parts;
    return new Set(queues.map(({ topic, partition }) => cluster.leader(topic, partition))).size === 1;
  }
}

/** Where the records of these places end, of each partition the last. */
export function endsOf(places: readonly Place[], written: ReadonlyMap<PartitionQueue, Written>): PartitionOffset[] {
  const ends = new Map<PartitionQueue, number>();
  for (const { queue, batch, count } of places) {
    ends.set(queue, (written.get(queue)?.offsets.get(batch) ?? 0) + count);
  }
  return [...ends].map(([{ topic, partition }, offset]) => ({ topic, partition, offset }));
}
