import type { TopicPartition } from "../../core/topic-partition.ts";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import { type Logger, silent } from "../../core/logger.ts";
import { Code } from "../../wire/error-codes.ts";
import type { TransactionalWrite, TransactionVerifier } from "./transaction-verifier.ts";
import type { Timer, Timers } from "../groups/timers.ts";
import type { KeyValueJournal } from "../key-value-journal.ts";
import { complete, endV1, endV2, fence } from "./end.ts";
import { ProducerIds } from "./producer-ids.ts";
import { transactionDefaults, type TransactionSettings } from "./settings.ts";
import { decodeTransaction, encodeTransaction } from "./storage.ts";
import {
  addPartitions,
  createTransaction,
  hasPartition,
  initialize,
  isEnding,
  mayBe,
  type ProducerIdAndEpoch,
  refusal,
  type Sources,
  type Transaction,
} from "./transaction.ts";

/** A commit or abort marker of a transaction. */
export interface Marker extends ProducerIdAndEpoch {
  readonly committed: boolean;
}

export interface TransactionCoordinatorOptions {
  readonly settings?: Partial<TransactionSettings>;
  readonly clock: Pick<Clock, "wall">;
  readonly timers: Timers;
  readonly journal: KeyValueJournal;
  readonly logger?: Logger;
  /** Writes a marker to all of these partitions; those that are gone need none. Resolves once that is durable. */
  readonly writeMarkers: (partitions: readonly TopicPartition[], marker: Marker) => Promise<void>;
}

/** The answer to InitProducerId and EndTxn: -1 where there is an error. */
export interface ProducerAnswer extends ProducerIdAndEpoch {
  readonly errorCode: Code;
}

/** All transactional ids. What it promises is in the journal before it is promised. */
export class TransactionCoordinator implements TransactionVerifier {
  readonly settings: TransactionSettings;
  readonly #transactions = new Map<string, Transaction>();
  readonly #options: TransactionCoordinatorOptions;
  readonly #logger: Logger;
  readonly #sources: { readonly now: () => Sources };
  readonly #finishing = new Map<string, Promise<void>>();
  readonly #timers = new Set<Timer>();

  constructor(options: TransactionCoordinatorOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silent;
    this.settings = { ...transactionDefaults, ...options.settings };
    const ids = new ProducerIds(options.journal);
    this.#sources = { now: () => ({ now: options.clock.wall(), newProducerId: () => ids.next() }) };
  }

  /** Reads what was kept, finishes what had been decided, and begins to look for what takes too long. */
  start(): void {
    for (const [text, value] of this.#options.journal.entries()) {
      const key: unknown = JSON.parse(text);
      if (!Array.isArray(key) || key[0] !== "transaction" || typeof key[1] !== "string") continue;
      this.#transactions.set(key[1], decodeTransaction(key[1], value));
    }
    for (const transaction of this.#transactions.values()) if (isEnding(transaction)) void this.#finish(transaction);
    this.#repeat(this.settings.abortIntervalMs, () => void this.abortTimedOut());
    this.#repeat(this.settings.idExpirationIntervalMs, () => this.expireIds());
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  get(transactionalId: string): Transaction | undefined {
    return this.#transactions.get(transactionalId);
  }

  all(): Iterable<Transaction> {
    return this.#transactions.values();
  }

  /** InitProducerId. `expected`: the producer id and epoch that the client has, if it says so. */
  async initialize(
    transactionalId: string | null,
    timeoutMs: number,
    expected: ProducerIdAndEpoch | null,
  ): Promise<ProducerAnswer> {
    const sources = this.#sources.now();
    if (transactionalId === null) {
      const producerId = sources.newProducerId();
      await this.#options.journal.flushed();
      return { errorCode: Code.NONE, producerId, producerEpoch: 0 };
    }
    if (transactionalId === "") return failed(Code.INVALID_REQUEST);
    if (timeoutMs <= 0 || timeoutMs > this.settings.maxTimeoutMs) return failed(Code.INVALID_TRANSACTION_TIMEOUT);
    const known = this.#transactions.get(transactionalId) ?? createTransaction(transactionalId, timeoutMs, sources);
    if (!mayBe(known, expected)) return failed(Code.PRODUCER_FENCED);
    if (isEnding(known)) return failed(Code.CONCURRENT_TRANSACTIONS);
    if (known.state === "Ongoing") {
      // The client comes back for its epoch when this is over.
      await this.#finish(this.#keep(fence(known, sources)));
      return failed(Code.CONCURRENT_TRANSACTIONS);
    }
    const outcome = initialize(known, timeoutMs, expected, sources);
    if (typeof outcome === "number") return failed(outcome);
    this.#keep(outcome);
    await this.#options.journal.flushed();
    return { errorCode: Code.NONE, producerId: outcome.producerId, producerEpoch: outcome.producerEpoch };
  }

  /** Takes partitions into the transaction: the error code of all of them. */
  async add(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
  ): Promise<Code> {
    if (transactionalId === "") return Code.INVALID_REQUEST;
    const known = this.#transactions.get(transactionalId);
    if (known === undefined) return Code.INVALID_PRODUCER_ID_MAPPING;
    const outcome = addPartitions(known, producer, partitions, this.#options.clock.wall());
    if (typeof outcome === "number") return outcome;
    if (outcome !== known) this.#keep(outcome);
    await this.#options.journal.flushed();
    return Code.NONE;
  }

  /** Whether partitions are in the producer's transaction: an error code for each. */
  check(transactionalId: string, producer: ProducerIdAndEpoch, partitions: readonly TopicPartition[]): Code[] {
    const known = this.#transactions.get(transactionalId);
    const error = transactionalId === ""
      ? Code.INVALID_REQUEST
      : known === undefined
      ? Code.INVALID_PRODUCER_ID_MAPPING
      : refusal(known, producer);
    if (known === undefined || error !== Code.NONE) return partitions.map(() => error);
    return partitions.map((one) => hasPartition(known, one) ? Code.NONE : Code.TRANSACTION_ABORTABLE);
  }

  /** For Produce: an old producer does not know what TRANSACTION_ABORTABLE is. */
  async verify(write: TransactionalWrite): Promise<Code> {
    const code = await this.admit(write.transactionalId, write, write.partitions, write.adds);
    return code === Code.TRANSACTION_ABORTABLE && write.version < 11 ? Code.INVALID_TXN_STATE : code;
  }

  /** Before a transactional write: whether it is in the transaction, or, where it `adds` itself, can come into it. */
  async admit(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
    adds: boolean,
  ): Promise<Code> {
    if (!adds) return this.admitted(transactionalId, producer, partitions, adds);
    return forWriter(await this.add(transactionalId, producer, partitions), adds);
  }

  /** What `admit` has found, as it is now: a transaction may end while what was added is put on disk. */
  admitted(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    partitions: readonly TopicPartition[],
    adds: boolean,
  ): Code {
    return forWriter(
      this.check(transactionalId, producer, partitions).find((code) => code !== Code.NONE) ?? Code.NONE,
      adds,
    );
  }

  /** EndTxn. `bumps`: version 5 and newer, after which the producer has another epoch, or even id. */
  async end(
    transactionalId: string,
    producer: ProducerIdAndEpoch,
    commit: boolean,
    bumps: boolean,
  ): Promise<ProducerAnswer> {
    if (transactionalId === "") return failed(Code.INVALID_REQUEST);
    const known = this.#transactions.get(transactionalId);
    if (known === undefined) return failed(Code.INVALID_PRODUCER_ID_MAPPING);
    const sources = this.#sources.now();
    const outcome = bumps ? endV2(known, producer, commit, sources) : endV1(known, producer, commit, sources.now);
    if (typeof outcome === "number" && outcome !== Code.NONE) return failed(outcome);
    if (typeof outcome !== "number") await this.#finish(this.#keep(outcome));
    const { producerId, producerEpoch } = this.#transactions.get(transactionalId) ?? known;
    return { errorCode: Code.NONE, producerId, producerEpoch };
  }

  /** Aborts what has been open for longer than its producer allowed. */
  async abortTimedOut(): Promise<void> {
    const sources = this.#sources.now();
    const late = [...this.#transactions.values()].filter(({ state, startedAt, timeoutMs }) =>
      state === "Ongoing" && startedAt + timeoutMs < sources.now
    );
    await Promise.all(late.map((transaction) => {
      this.#logger.info(`the transaction of ${transaction.transactionalId} takes too long: it is aborted`);
      return this.#finish(this.#keep(fence(transaction, sources)));
    }));
    for (const transaction of this.#transactions.values()) if (isEnding(transaction)) void this.#finish(transaction);
  }

  /** Forgets the ids that nobody has used for a long time. */
  expireIds(): void {
    const before = this.#options.clock.wall() - this.settings.idExpirationMs;
    for (const { transactionalId, state, updatedAt } of [...this.#transactions.values()]) {
      if (state === "Ongoing" || state === "PrepareCommit" || state === "PrepareAbort" || updatedAt > before) continue;
      this.#transactions.delete(transactionalId);
      this.#options.journal.delete(keyOf(transactionalId));
    }
  }

  /** Writes the markers of what has been decided. If that fails it is tried again with the next look around. */
  #finish(transaction: Transaction): Promise<void> {
    const { transactionalId } = transaction;
    let finishing = this.#finishing.get(transactionalId);
    if (finishing === undefined) {
      finishing = this.#writeMarkers(transaction).finally(() => this.#finishing.delete(transactionalId));
      this.#finishing.set(transactionalId, finishing);
    }
    return finishing;
  }

  async #writeMarkers(transaction: Transaction): Promise<void> {
    const { transactionalId, producerId, producerEpoch, partitions, state } = transaction;
    try {
      // Decided once: a broker that is killed after this writes the same markers when it is back.
      await this.#options.journal.flushed();
      await this.#options.writeMarkers(partitions, { producerId, producerEpoch, committed: state === "PrepareCommit" });
      this.#keep(complete(transaction, this.#options.clock.wall()));
    } catch (error) {
      this.#logger.error(`the markers of ${transactionalId} cannot be written: ${messageOf(error)}`);
    }
  }

  #keep(transaction: Transaction): Transaction {
    this.#transactions.set(transaction.transactionalId, transaction);
    this.#options.journal.put(keyOf(transaction.transactionalId), encodeTransaction(transaction));
    return transaction;
  }

  #repeat(ms: number, task: () => void): void {
    const timer = this.#options.timers.after(ms, () => {
      this.#timers.delete(timer);
      task();
      this.#repeat(ms, task);
    });
    this.#timers.add(timer);
  }
}

function keyOf(transactionalId: string): string {
  return JSON.stringify(["transaction", transactionalId]);
}

function forWriter(error: Code, adds: boolean): Code {
  // Whatever its version, this is the code that a producer knows when it writes.
  if (error === Code.PRODUCER_FENCED) return Code.INVALID_PRODUCER_EPOCH;
  // Older clients retry on the one code but not on the other.
  return error === Code.CONCURRENT_TRANSACTIONS && !adds ? Code.NOT_ENOUGH_REPLICAS : error;
}

function failed(errorCode: Code): ProducerAnswer {
  return { errorCode, producerId: -1, producerEpoch: -1 };
}
