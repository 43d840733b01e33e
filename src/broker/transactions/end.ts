import { Code } from "../../wire/error-codes.ts";
import {
  isExhausted,
  MAX_EPOCH,
  type Outcome,
  type ProducerIdAndEpoch,
  type Sources,
  type Transaction,
} from "./transaction.ts";

/** EndTxn before version 5: the epoch stays, and only a transaction that has begun can be ended. */
export function endV1(transaction: Transaction, producer: ProducerIdAndEpoch, commit: boolean, now: number): Outcome {
  if (transaction.producerId !== producer.producerId) return Code.INVALID_PRODUCER_ID_MAPPING;
  if (transaction.producerEpoch !== producer.producerEpoch) return Code.PRODUCER_FENCED;
  switch (transaction.state) {
    case "Ongoing":
      return ending(transaction, commit, transaction.startedAt, now);
    case "PrepareCommit":
    case "PrepareAbort":
    case "CompleteCommit":
    case "CompleteAbort":
      return repeated(transaction, commit);
    case "Empty":
      return Code.INVALID_TXN_STATE;
  }
}

/**
 * EndTxn from version 5 on (KIP-890): each transaction has an epoch of its own, so that nothing late can get into the
 * next. An abort may come when nothing has been added, as the client cannot know whether the broker has added anything.
 */
export function endV2(
  transaction: Transaction,
  producer: ProducerIdAndEpoch,
  commit: boolean,
  sources: Sources,
): Outcome {
  const { producerId, producerEpoch, previousProducerId, state } = transaction;
  const rotated = previousProducerId === producer.producerId && producer.producerEpoch === MAX_EPOCH - 1 &&
    producerEpoch === 0;
  const isRetry = rotated || producerEpoch === producer.producerEpoch + 1;
  const isCurrent = producerEpoch === producer.producerEpoch;
  if (producerId !== producer.producerId && !rotated) return Code.INVALID_PRODUCER_ID_MAPPING;
  switch (state) {
    case "Ongoing":
      return isCurrent ? bumped(transaction, commit, transaction.startedAt, sources) : Code.PRODUCER_FENCED;
    case "Empty":
      if (!isCurrent) return Code.PRODUCER_FENCED;
      return commit ? Code.INVALID_TXN_STATE : bumped(transaction, false, sources.now, sources);
    case "PrepareCommit":
    case "PrepareAbort":
      return isRetry && !rotated ? repeated(transaction, commit) : Code.PRODUCER_FENCED;
    case "CompleteCommit":
    case "CompleteAbort":
      if (isRetry) return repeated(transaction, commit);
      if (!isCurrent) return Code.PRODUCER_FENCED;
      return commit ? Code.INVALID_TXN_STATE : bumped(transaction, false, sources.now, sources);
  }
}

/**
 * The coordinator aborts an ongoing transaction, because its producer has been succeeded or takes too long. The epoch
 * that is fenced with is given to nobody.
 */
export function fence(transaction: Transaction, sources: Sources): Transaction {
  return bumped(transaction, false, transaction.startedAt, sources);
}

/** All markers are written. */
export function complete(transaction: Transaction, now: number): Transaction {
  const { producerId, producerEpoch, nextProducerId, state } = transaction;
  const rotates = nextProducerId !== -1;
  return {
    ...transaction,
    state: state === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort",
    producerId: rotates ? nextProducerId : producerId,
    producerEpoch: rotates ? 0 : producerEpoch,
    previousProducerId: producerId,
    nextProducerId: -1,
    partitions: [],
    updatedAt: now,
  };
}

/** The same request again, or one against what has been decided: a value of its own is never decided twice. */
function repeated({ state }: Transaction, commit: boolean): Code {
  const same = commit === (state === "PrepareCommit" || state === "CompleteCommit");
  if (!same) return Code.INVALID_TXN_STATE;
  return state === "PrepareCommit" || state === "PrepareAbort" ? Code.CONCURRENT_TRANSACTIONS : Code.NONE;
}

function ending(transaction: Transaction, commit: boolean, startedAt: number, now: number): Transaction {
  return {
    ...transaction,
    state: commit ? "PrepareCommit" : "PrepareAbort",
    previousProducerId: transaction.producerId,
    startedAt,
    updatedAt: now,
  };
}

function bumped(transaction: Transaction, commit: boolean, startedAt: number, sources: Sources): Transaction {
  const { producerEpoch } = transaction;
  return {
    ...ending(transaction, commit, startedAt, sources.now),
    producerEpoch: producerEpoch + 1,
    lastProducerEpoch: producerEpoch,
    nextProducerId: isExhausted(producerEpoch) ? sources.newProducerId() : -1,
  };
}
