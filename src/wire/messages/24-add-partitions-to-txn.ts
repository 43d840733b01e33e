import { array, boolean, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

/** Clients send versions up to 3; from 4 on it is what brokers ask each other, for many transactions at once. */
export const addPartitionsToTxn = message({
  key: 24,
  name: "AddPartitionsToTxn",
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactions: array({
      transactionalId: string(),
      producerId: int64(),
      producerEpoch: int16(),
      verifyOnly: boolean(),
      topics: array({ name: string(), partitions: list(int32()) }),
    }, { v: "4+", or: [] }),
    transactionalId: string({ v: "0-3", or: "" }),
    producerId: int64({ v: "0-3", or: -1 }),
    producerEpoch: int16({ v: "0-3", or: -1 }),
    topics: array({ name: string(), partitions: list(int32()) }, { v: "0-3", or: [] }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ v: "4+", or: 0 }),
    resultsByTransaction: array({
      transactionalId: string(),
      topicResults: array({
        name: string(),
        resultsByPartition: array({ partitionIndex: int32(), partitionErrorCode: int16() }),
      }),
    }, { v: "4+", or: [] }),
    resultsByTopic: array({
      name: string(),
      resultsByPartition: array({ partitionIndex: int32(), partitionErrorCode: int16() }),
    }, { v: "0-3", or: [] }),
  },
});
