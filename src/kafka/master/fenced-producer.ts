import type { Clock } from "../../core/clock.ts";
import { MephistoError } from "../../core/errors.ts";
import { groupBy } from "../../core/group-by.ts";
import {
  type Committed,
  entriesOf,
  type FencedPublisher,
  type FenceOptions,
  type JournalEntry,
  type MayTry,
  notMaster,
  TopicRefused,
  type Transaction,
  triedForMs,
} from "../../driver/master-log.ts";
import { maxRecordSize } from "../../wire/batch-builder.ts";
import { produce, produceTransactional } from "../../wire/requests/00-produce.ts";
import { addPartitionsToTxn } from "../../wire/requests/24-add-partitions-to-txn.ts";
import type { BatchKind } from "../producer/batch.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../../wire/error-codes.ts";
import { ProtocolError } from "../connection/errors.ts";
import { JournalReader } from "./journal-reader.ts";
import type { BrokerConnection } from "../connection/broker-connection.ts";
import type { ConnectionPool } from "../connection/connection-pool.ts";
import type { PartitionQueue } from "../producer/partition-queue.ts";
import { type RetryOptions, retryWhile } from "../connection/retry.ts";
import { ProducerEpoch } from "./producer-epoch.ts";
import { TransactionCoordinator } from "./transaction-coordinator.ts";
import { endsOf, TransactionQueues } from "./transaction-queues.ts";
import { BatchTooLarge, type ProduceVersion, writeAll } from "./transaction-writer.ts";
import type { Written } from "./written.ts";

/** How long making sure may take before it is an error and the caller has to try again. */
const RECOVERY_TIMEOUT_MS = 10_000;
/** How long an abort is tried after an error; what is left of it is done before the next transaction. */
const ABORT_TIMEOUT_MS = 1000;

export interface FencedProducerParts {
  readonly cluster: Cluster;
  readonly connections: ConnectionPool;
  readonly clock: Clock;
  readonly kind: BatchKind;
}

/** The transactional producer of one term of mastership. */
export class FencedProducer implements FencedPublisher {
  readonly #parts: FencedProducerParts;
  readonly #options: FenceOptions;
  readonly #coordinator: TransactionCoordinator;
  readonly #epoch: ProducerEpoch;
  readonly #journal: JournalReader;
  readonly #queues: TransactionQueues;

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
    this.#queues = new TransactionQueues({ ...parts, journal: options.journal, identity: () => epoch.identity });
    this.#journal = new JournalReader({ ...parts, topic: options.journal, topicId: options.journalId });
  }

  /** Fences all before. Errors: `NOT_MASTER`, `STOPPED`, and those that do not pass. */
  static async fence(parts: FencedProducerParts, options: FenceOptions, mayTry: MayTry): Promise<FencedProducer> {
    const coordinator = new TransactionCoordinator(parts.cluster, parts.connections, options);
    const epoch = await retryWhile(() => ProducerEpoch.begin(coordinator, options, mayTry), {
      mayTry,
      until: Infinity,
      clock: parts.clock,
      signal: parts.connections.closed,
    });
    return new FencedProducer(parts, options, coordinator, epoch);
  }

  async read(mayTry: MayTry, moved?: () => void): Promise<readonly JournalEntry[]> {
    return await this.#journal.read(mayTry, moved);
  }

  async recover(mayTry: MayTry): Promise<void> {
    await retryWhile(() => this.#epoch.prove(mayTry), this.#within(RECOVERY_TIMEOUT_MS, mayTry));
  }

  async publish(transaction: Transaction, mayTry: MayTry): Promise<Committed> {
    for (;;) {
      await retryWhile(() => this.#epoch.settle(mayTry), this.#within(RECOVERY_TIMEOUT_MS, mayTry));
      try {
        return await this.#publish(transaction, mayTry);
      } catch (error) {
        if (!(error instanceof BatchTooLarge)) throw error;
        this.#queues.tooLarge(error.topic);
      }
    }
  }

  close(): void {
    this.#parts.connections.close();
  }

  async #publish(transaction: Transaction, mayTry: MayTry): Promise<Committed> {
    await this.#checkJournal();
    const byEnds = typeof transaction.journal === "function";
    const { queues, batches } = await this.#queues.of(transaction.records, byEnds);
    await this.#queues.checkLeaders(queues);
    const until = this.#parts.clock.monotonic() + triedForMs(this.#options, transaction);
    const journal = this.#queues.queue(this.#options.journal, 0);
    if (!mayTry()) throw notMaster();
    try {
      this.#epoch.open();
      if (!this.#epoch.support.epochs) await this.#add([...queues, journal], until, mayTry);
      const together = !byEnds && this.#queues.haveOneLeader([...queues, journal]);
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
      const { clock, connections } = this.#parts;
      // Again only while nothing was sent, as when the coordinator has moved.
      await retryWhile(() => this.#epoch.commit(mayTry), { mayTry, until, clock, signal: connections.closed });
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

  async #add(queues: readonly PartitionQueue[], until: number, mayTry: MayTry): Promise<void> {
    const { transactionalId } = this.#options;
    const topics = [...groupBy(queues, ({ topic }) => topic)].map(([topic, group]) => ({
      topic,
      partitions: group.map(({ partition }) => partition),
    }));
    const call = addPartitionsToTxn({ transactionalId, ...this.#epoch.identity, topics });
    const { clock, connections } = this.#parts;
    await retryWhile(async () => {
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
    }, { mayTry, until, clock, signal: connections.closed });
  }

  /** By the topics' ids, which the broker checks, where it can: of others only the offset tells which journal it was. */
  #produceVersion(connection: BrokerConnection): ProduceVersion {
    const { transactionalId, journal, journalId } = this.#options;
    const { cluster } = this.#parts;
    if (!this.#epoch.support.epochs) {
      return { request: (request) => produce({ transactionalId, ...request }), wireName: (topic) => topic };
    }
    const version = connection.newest(0) >= 13 ? 13 : 12;
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
      produceVersion: (connection) => this.#produceVersion(connection),
      refusal: (topic, partition) => this.#refusal(topic, partition),
    });
    this.#queues.written(queues);
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
      await retryWhile(() => this.#epoch.settle(mayTry), this.#within(ABORT_TIMEOUT_MS, () => true));
    } catch (settling) {
      if (settling instanceof MephistoError && settling.code === "FENCED") return settling;
      // It is open still, and is settled before anything else.
    }
    return error;
  }

  #within(ms: number, mayTry: MayTry): RetryOptions {
    const { clock, connections } = this.#parts;
    return { mayTry, until: clock.monotonic() + ms, clock, signal: connections.closed };
  }
}

const utf8 = new TextEncoder();
