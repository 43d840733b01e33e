import { describeTransactions as message } from "../../wire/messages/65-describe-transactions.ts";
import { Code } from "../../wire/error-codes.ts";
import type { Transaction } from "../transactions/transaction.ts";
import { api } from "./api.ts";

export const describeTransactions = api(message, (broker, { transactionalIds }) => ({
  transactionStates: transactionalIds.map((transactionalId) => {
    const transaction = broker.transactions.get(transactionalId);
    if (transaction !== undefined) return describe(transaction);
    const errorCode = transactionalId === "" ? Code.INVALID_REQUEST : Code.TRANSACTIONAL_ID_NOT_FOUND;
    return { errorCode, transactionalId };
  }),
}));

function describe(transaction: Transaction) {
  const { transactionalId, state, timeoutMs, startedAt, producerId, producerEpoch } = transaction;
  const topics = [...new Set(transaction.partitions.map(({ topic }) => topic))];
  return {
    transactionalId,
    transactionState: state,
    transactionTimeoutMs: timeoutMs,
    transactionStartTimeMs: startedAt,
    producerId,
    producerEpoch,
    topics: topics.map((topic) => ({
      topic,
      partitions: transaction.partitions.filter((one) => one.topic === topic).map(({ partition }) => partition),
    })),
  };
}
