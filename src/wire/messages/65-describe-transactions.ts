import { array, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const describeTransactions = message({
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
});
