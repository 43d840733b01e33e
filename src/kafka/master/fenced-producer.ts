import type { Clock } from "../../core/clock.ts";
import { MephistoError } from "../../core/errors.ts";
import { groupBy } from "../../core/group-by.ts";
import type { Record } from "../../driver/driver.ts";
import {
  type Committed,
  entriesOf,
  type FencedPublisher,
  type FenceOptions,
  type JournalEntry,
  type MayTry,
  notMaster,
  type PartitionOffset,
  TopicRefused,
  TopicsAway,
  type Transaction,
} from "../../driver/master-log.ts";
import { maxRecordSize } from "../../wire/batch-builder.ts";
import { partitionForKey } from "../../wire/murmur2.ts";
import { produce, produceTransactional } from "../../wire/requests/00-produce.ts";
import { addPartitionsToTxn } from "../../wire/requests/24-add-partitions-to-txn.ts";
import type { Batch, BatchKind } from "../producer/batch.ts";
import { Turns } from "../../core/pause.ts";
import { partitionKey, partitionName } from "../../core/topic-partition.ts";
import type { Cluster, TopicState } from "../connection/cluster.ts";
import { Code } from "../connection/codes.ts";
import { ProtocolError } from "../connection/errors.ts";
import { JournalReader } from "./journal-reader.ts";
import type { Link } from "../connection/link.ts";
import type { Links } from "../connection/links.ts";
import { BATCH_BYTES, PartitionQueue } from "../producer/partition-queue.ts";
import { persist, type Persistence } from "../connection/persist.ts";
import { ProducerEpoch } from "./producer-epoch.ts";
import { TransactionCoordinator } from "./transaction-coordinator.ts";
import { BatchTooLarge, type Dialect, writeAll, type Written } from "./transaction-writer.ts";

/** Of the time after which the broker aborts a transaction this part may be used before we do. */
const OURS = 0.8;
/** How long making sure may take before it is an error and the caller has to try again, in ms. */
const PATIENCE = 10_000;
/** How long an abort is tried after an error, in ms; what is left of it is done before the next transaction. */
const ABORT_PATIENCE = 1000;
/** How often it is looked whether a topic has more partitions, in ms. */
const CHECK_INTERVAL = 30_000;

export interface FencedProducerParts {
  readonly cluster: Cluster;
  readonly links: Links;
  readonly clock: Clock;
  readonly kind: BatchKind;
}

/** Where a record went: it was the batch's `count`th. */
interface Place {
  readonly queue: PartitionQueue;
  readonly batch: Batch;
  readonly count: number;
}

/** The transactional producer of one term of mastership. */
export class FencedProducer implements FencedPublisher {
  readonly #parts: FencedProducerParts;
  readonly #options: FenceOptions;
  readonly #coordinator: TransactionCoordinator;
  readonly #epoch: ProducerEpoch;
  readonly #journal: JournalReader;
  /** How large batches for a topic may be that takes less than usual, in bytes. */
  readonly #batchBytes = new Map<string, number>();
  readonly #checked = new Map<string, number>();
  /** The sequences of partitions, where an epoch outlives a transaction. */
  #sequences = new Map<string, number>();
  #sequencesOf: unknown;
  #turn = 0;

  private constructor(
    parts: FencedProducerParts,
    options: FenceOptions,
    coordinator: TransactionCoordinator,
    epoch: ProducerEpoch,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#coordinator = coordinator;
    this.#epoch = epoch;
    this.#journal = new JournalReader({ ...parts, topic: options.journal, topicId: options.journalId });
  }

  /** Fences all before. Errors: `NOT_MASTER`, `STOPPED`, and those that do not pass. */
  static async fence(parts: FencedProducerParts, options: FenceOptions, mayTry: MayTry): Promise<FencedProducer> {
    const coordinator = new TransactionCoordinator(parts.cluster, parts.links, options);
    const epoch = await persist(() => ProducerEpoch.begin(coordinator, options, mayTry), {
      mayTry,
      until: Infinity,
      clock: parts.clock,
      signal: parts.links.closed,
    });
    return new FencedProducer(parts, options, coordinator, epoch);
  }

  async read(mayTry: MayTry, moved?: () => void): Promise<readonly JournalEntry[]> {
    return await this.#journal.read(mayTry, moved);
  }

  async recover(mayTry: MayTry): Promise<void> {
    await persist(() => this.#epoch.prove(mayTry), this.#within(PATIENCE, mayTry));
  }

  async publish(transaction: Transaction, mayTry: MayTry): Promise<Committed> {
    for (;;) {
      await persist(() => this.#epoch.settle(mayTry), this.#within(PATIENCE, mayTry));
      try {
        return await this.#publish(transaction, mayTry);
      } catch (error) {
        if (!(error instanceof BatchTooLarge)) throw error;
        const before = this.#batchBytes.get(error.topic) ?? BATCH_BYTES;
        this.#batchBytes.set(error.topic, before / 4); // until each message goes alone
      }
    }
  }

  close(): void {
    this.#parts.links.close();
  }

  async #publish(transaction: Transaction, mayTry: MayTry): Promise<Committed> {
    await this.#checkJournal();
    const byEnds = typeof transaction.journal === "function";
    const { queues, batches } = await this.#queues(transaction.records, byEnds);
    await this.#checkLeaders(queues);
    const { transactionTimeout } = this.#options;
    const { patience = Infinity } = transaction;
    const until = this.#parts.clock.monotonic() + Math.min(transactionTimeout * OURS, patience);
    const journal = this.#numbered(this.#queue(this.#options.journal, 0));
    if (!mayTry()) throw notMaster();
    try {
      this.#epoch.open();
      if (!this.#epoch.support.epochs) await this.#add([...queues, journal], until, mayTry);
      const together = !byEnds && this.#haveOneLeader([...queues, journal]);
      if (together) this.#append(journal, entriesOf(transaction, () => []));
      const written = new Map(await this.#write(together ? [...queues, journal] : queues, until, mayTry));
      const ends = queues.map((queue) => ({
        topic: queue.topic,
        partition: queue.partition,
        offset: written.get(queue)?.end ?? 0,
      }));
      if (!together) {
        this.#append(journal, entriesOf(transaction, (from, to) => endsOf(batches.slice(from, to), written)));
        const entries = await this.#write([journal], until, mayTry);
        entries.forEach((each, queue) => written.set(queue, each));
      }
      const time = this.#journalWritten(written.get(journal));
      const { clock, links } = this.#parts;
      // Again only while nothing was sent, as when the coordinator has moved.
      await persist(() => this.#epoch.commit(mayTry), { mayTry, until, clock, signal: links.closed });
      return { ends, time };
    } catch (error) {
      throw await this.#failed(error, mayTry);
    }
  }

  /** By the name alone, which is all that older brokers are told, the entry would go to any journal. */
  async #checkJournal(): Promise<void> {
    const { cluster } = this.#parts;
    if (cluster.topic(this.#options.journal) === undefined) await cluster.refresh([this.#options.journal]);
    this.#journal.checkTopic();
  }

  /**
   * The records by their partitions, and, where it is asked for, the batch that each went to. Errors: `UNKNOWN_TOPIC`,
   * `UNREACHABLE`.
   */
  async #queues(records: readonly Record[], places: boolean): Promise<{ queues: PartitionQueue[]; batches: Place[] }> {
    const { cluster, clock } = this.#parts;
    const now = clock.monotonic();
    const topics = new Map<string, PartitionQueue[]>();
    for (const [topic] of groupBy(records, ({ topic }) => topic)) {
      if (topic === this.#options.journal) {
        throw new MephistoError("INVALID_OPTION", `Topic ${topic} is the master's journal, and takes no messages.`);
      }
      const { leaders } = await this.#known(topic);
      topics.set(topic, leaders.map((_, partition) => this.#numbered(this.#queue(topic, partition))));
      if (now > (this.#checked.get(topic) ?? now) + CHECK_INTERVAL) cluster.refresh([topic]).catch(() => {}); // sending would say so
      else if (this.#checked.has(topic)) continue;
      this.#checked.set(topic, now);
    }
    const turns = new Turns(clock);
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
  async #checkLeaders(queues: readonly PartitionQueue[]): Promise<void> {
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

  #queue(topic: string, partition: number): PartitionQueue {
    return new PartitionQueue(topic, partition, this.#batchBytes.get(topic));
  }

  #numbered(queue: PartitionQueue): PartitionQueue {
    const { identity } = this.#epoch;
    if (this.#sequencesOf !== identity) {
      this.#sequencesOf = identity;
      this.#sequences = new Map();
    }
    queue.renew(identity, this.#sequences.get(partitionKey(queue)) ?? 0);
    return queue;
  }

  async #add(queues: readonly PartitionQueue[], until: number, mayTry: MayTry): Promise<void> {
    const { transactionalId } = this.#options;
    const topics = [...groupBy(queues, ({ topic }) => topic)].map(([topic, group]) => ({
      topic,
      partitions: group.map(({ partition }) => partition),
    }));
    const call = addPartitionsToTxn({ transactionalId, ...this.#epoch.identity, topics });
    const { clock, links } = this.#parts;
    await persist(async () => {
      const { topics } = await this.#coordinator.ask(call, mayTry);
      for (const { topic, partitions } of topics) {
        for (const { partition, errorCode } of partitions) {
          this.#coordinator.heard(errorCode);
          if (errorCode === Code.NONE || errorCode === Code.OPERATION_NOT_ATTEMPTED) continue;
          if (errorCode === Code.UNKNOWN_TOPIC_OR_PARTITION) {
            await this.#parts.cluster.refresh([topic]);
            const refusal = this.#refusal(topic, partition);
            if (refusal) throw refusal;
          }
          throw new ProtocolError(errorCode, `Writing to ${topic}[${partition}]`);
        }
      }
    }, { mayTry, until, clock, signal: links.closed });
  }

  /**
   * Whether all of it fits into one request. Two brokers that add partitions to a transaction at the same moment get in
   * each other's way, and the one that comes second waits for 20 ms.
   */
  #haveOneLeader(queues: readonly PartitionQueue[]): boolean {
    const { cluster } = this.#parts;
    return new Set(queues.map(({ topic, partition }) => cluster.leader(topic, partition))).size === 1;
  }

  /** By the topics' ids, which the broker checks, where it can: of others only the offset tells which journal it was. */
  #dialect(link: Link): Dialect {
    const { transactionalId, journal, journalId } = this.#options;
    const { cluster } = this.#parts;
    if (!this.#epoch.support.epochs) {
      return { request: (request) => produce({ transactionalId, ...request }), wireName: (topic) => topic };
    }
    const version = link.newest(0) >= 13 ? 13 : 12;
    return {
      request: (request) => produceTransactional({ transactionalId, ...request }, version),
      wireName: (topic) => version === 12 ? topic : topic === journal ? journalId : cluster.topic(topic)?.topicId,
    };
  }

  async #write(
    queues: readonly PartitionQueue[],
    until: number,
    mayTry: MayTry,
  ): Promise<ReadonlyMap<PartitionQueue, Written>> {
    const written = await writeAll(queues, {
      ...this.#parts,
      journal: this.#options.journal,
      kind: { ...this.#parts.kind, transactional: true },
      identity: this.#epoch.identity,
      mayTry,
      until,
      dialect: (link) => this.#dialect(link),
      refusal: (topic, partition) => this.#refusal(topic, partition),
    });
    for (const queue of queues) this.#sequences.set(partitionKey(queue), queue.next);
    return written;
  }

  #append(journal: PartitionQueue, entries: readonly JournalEntry[]): void {
    const { clock } = this.#parts;
    for (const { key, value } of entries) {
      const bytes = utf8.encode(key);
      journal.batchFor(maxRecordSize(bytes, value), clock.monotonic()).builder.append(bytes, value, [], clock.wall());
    }
  }

  #journalWritten(written: Written | undefined): Committed["time"] {
    if (written === undefined) throw new Error("unreachable: a transaction without an entry");
    const { first, end, appended, sent, answered } = written;
    this.#journal.written(first, end);
    return { wall: appended < 0 ? sent.wall : appended, sent, answered };
  }

  /** Why a partition can never be written to in this transaction, as the metadata says that was asked for just now. */
  #refusal(topic: string, partition: number): MephistoError | undefined {
    const state = this.#parts.cluster.topic(topic);
    if (topic === this.#options.journal) {
      try {
        this.#journal.checkTopic();
      } catch (error) {
        if (error instanceof MephistoError) return error;
        throw error;
      }
    } else if (state === undefined) {
      return new TopicRefused(topic, "UNKNOWN_TOPIC", `There is no topic ${topic} any more.`);
    } else if (partition >= state.leaders.length) {
      // The next attempt spreads its messages over the partitions that are there.
      return new MephistoError("UNREACHABLE", `Topic ${topic} has been made again, with fewer partitions.`);
    }
    return undefined;
  }

  /** Nothing of a transaction that failed may be published later; gives the error that its caller is told. */
  async #failed(error: unknown, mayTry: MayTry): Promise<unknown> {
    if (error instanceof MephistoError && (error.code === "UNKNOWN_OUTCOME" || error.code === "FENCED")) return error;
    try {
      await persist(() => this.#epoch.settle(mayTry), this.#within(ABORT_PATIENCE, () => true));
    } catch (settling) {
      if (settling instanceof MephistoError && settling.code === "FENCED") return settling;
      // It is open still, and is settled before anything else.
    }
    return error;
  }

  #within(ms: number, mayTry: MayTry): Persistence {
    const { clock, links } = this.#parts;
    return { mayTry, until: clock.monotonic() + ms, clock, signal: links.closed };
  }
}

const utf8 = new TextEncoder();

/** Where the records of these places end, of each partition the last. */
function endsOf(places: readonly Place[], written: ReadonlyMap<PartitionQueue, Written>): PartitionOffset[] {
  const ends = new Map<PartitionQueue, number>();
  for (const { queue, batch, count } of places) {
    ends.set(queue, (written.get(queue)?.offsets.get(batch) ?? 0) + count);
  }
  return [...ends].map(([{ topic, partition }, offset]) => ({ topic, partition, offset }));
}
