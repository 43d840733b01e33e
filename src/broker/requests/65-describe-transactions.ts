import { Code } from "../../wire/error-codes.ts";
import { array, int16, int32, int64, list, string } from "../protocol/fields.ts";
import type { Transaction } from "../transactions/transaction.ts";
import { api } from "./api.ts";

export const describeTransactions = api({
  key: 65,
  name: "DescribeTransactions",
  versions: [0, 0],
  flexibleFrom: 0,
  request: { transactionalIds: list(string()) },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    transactionStates: array({
      errorCode: int16({ or: 0 }),
      transactionalId: string(),
      transactionState: string({ or: "" }),
      transactionTimeoutMs: int32({ or: 0 }),
      transactionStartTimeMs: int64({ or: 0 }),
      producerId: int64({ or: 0 }),
      producerEpoch: int16({ or: 0 }),
      topics: array({ topic: string(), partitions: list(int32()) }, { or: [] }),
    }),
  },
  handle: (broker, { transactionalIds }) => ({
    transactionStates: transactionalIds.map((transactionalId) => {
      const transaction = broker.transactions.get(transactionalId);
      if (transaction !== undefined) return describe(transaction);
      const errorCode = transactionalId === "" ? Code.INVALID_REQUEST : Code.TRANSACTIONAL_ID_NOT_FOUND;
      return { errorCode, transactionalId };
    }),
  }),
});

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
