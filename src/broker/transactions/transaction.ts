import type { TopicPartition } from "../../core/topic-partition.ts";
import { Code } from "../../wire/error-codes.ts";

/** The states of a transactional id, as `kafka-transactions` shows them. */
export const TRANSACTION_STATES = [
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "PrepareEpochFence",
  "Dead",
] as const;

/** The last two of Kafka's states are over within one request here, so nobody can see them. */
export type TransactionState = Exclude<typeof TRANSACTION_STATES[number], "PrepareEpochFence" | "Dead">;

export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A transactional id: who produces under it, and what its transaction has touched. */
export interface Transaction extends ProducerIdAndEpoch {
  readonly transactionalId: string;
  readonly state: TransactionState;
  /** -1 before the first InitProducerId is over. */
  readonly producerEpoch: number;
  /** The epoch before this one, which its producer may still present after a lost answer; -1: there is none. */
  readonly lastProducerEpoch: number;
  /** The producer id before this one; -1: none. */
  readonly previousProducerId: number;
  /** The one after this, when the epochs run out while the transaction ends; -1: the same. */
  readonly nextProducerId: number;
  readonly timeoutMs: number;
  readonly partitions: readonly TopicPartition[];
  /** In ms since 1970; -1: no transaction since the last InitProducerId. */
  readonly startedAt: number;
  readonly updatedAt: number;
}

/** The highest epoch; the one before is the last that a client is given, so that there is always one to fence with. */
export const MAX_EPOCH = 32_767;

export function isExhausted(producerEpoch: number): boolean {
  return producerEpoch >= MAX_EPOCH - 1;
}

/** Either what a transactional id becomes, or the error code that refuses it. */
export type Outcome = Transaction | Code;

/** What is handed in where something has to be found out. */
export interface Sources {
  readonly now: number;
  readonly newProducerId: () => number;
}

/** A transactional id that nobody has used before. */
export function createTransaction(transactionalId: string, timeoutMs: number, sources: Sources): Transaction {
  return {
    transactionalId,
    state: "Empty",
    producerId: sources.newProducerId(),
    producerEpoch: -1,
    lastProducerEpoch: -1,
    previousProducerId: -1,
    nextProducerId: -1,
    timeoutMs,
    partitions: [],
    startedAt: -1,
    updatedAt: sources.now,
  };
}

export function hasPartition({ partitions }: Transaction, { topic, partition }: TopicPartition): boolean {
  return partitions.some((one) => one.topic === topic && one.partition === partition);
}

/** Whether markers are being written: nothing else can be done until they are. */
export function isEnding({ state }: Transaction): boolean {
  return state === "PrepareCommit" || state === "PrepareAbort";
}

/**
 * A producer (re)starts: the next epoch is its own. With `expected` (version 3 and newer) only for the one that has that
 * producer id and epoch: compare and swap. Of an ongoing transaction see {@link fence}; that comes first.
 */
export function initialize(
  transaction: Transaction,
  timeoutMs: number,
  expected: ProducerIdAndEpoch | null,
  { now, newProducerId }: Sources,
): Outcome {
  const { producerId, producerEpoch, lastProducerEpoch } = transaction;
  const next: Transaction = {
    ...transaction,
    state: "Empty",
    previousProducerId: producerId,
    timeoutMs,
    partitions: [],
    startedAt: -1,
    updatedAt: now,
  };
  if (isExhausted(producerEpoch) && (expected === null || expected.producerEpoch === producerEpoch)) {
    const last = expected === null ? -1 : producerEpoch;
    return { ...next, producerId: newProducerId(), producerEpoch: 0, lastProducerEpoch: last };
  }
  if (expected === null) return { ...next, producerEpoch: producerEpoch + 1, lastProducerEpoch: -1 };
  if (producerEpoch === -1 || expected.producerEpoch === producerEpoch) {
    return { ...next, producerEpoch: producerEpoch + 1, lastProducerEpoch: producerEpoch };
  }
  // The answer to an earlier request got lost; nobody else has been here since, or there would be no last epoch.
  if (expected.producerEpoch === lastProducerEpoch) return next;
  return Code.PRODUCER_FENCED;
}

/** Whether the producer that a request names may be this one, as far as its id says; its epoch is looked at later. */
export function mayBe(transaction: Transaction, expected: ProducerIdAndEpoch | null): boolean {
  if (expected === null || transaction.producerEpoch === -1) return true;
  if (expected.producerId === transaction.producerId) return true;
  return expected.producerId === transaction.previousProducerId && isExhausted(expected.producerEpoch);
}

/** Partitions come into the transaction, which begins with the first of them. */
export function addPartitions(
  transaction: Transaction,
  producer: ProducerIdAndEpoch,
  partitions: readonly TopicPartition[],
  now: number,
): Outcome {
  const refused = refusal(transaction, producer);
  if (refused !== Code.NONE) return refused;
  const added = partitions.filter((one) => !hasPartition(transaction, one));
  const ongoing = transaction.state === "Ongoing";
  if (ongoing && added.length === 0) return transaction;
  return {
    ...transaction,
    state: "Ongoing",
    previousProducerId: transaction.producerId,
    partitions: [...transaction.partitions, ...added],
    startedAt: ongoing ? transaction.startedAt : now,
    updatedAt: now,
  };
}

/** Why a producer's request cannot be about this transaction; NONE: it can. */
export function refusal(transaction: Transaction, producer: ProducerIdAndEpoch): Code {
  if (transaction.producerId !== producer.producerId) return Code.INVALID_PRODUCER_ID_MAPPING;
  if (transaction.producerEpoch !== producer.producerEpoch) return Code.PRODUCER_FENCED;
  return isEnding(transaction) ? Code.CONCURRENT_TRANSACTIONS : Code.NONE;
}
