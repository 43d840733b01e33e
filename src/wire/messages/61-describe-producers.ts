import { array, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const describeProducers = message({
  key: 61,
  name: "DescribeProducers",
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array({
      name: string(),
      partitionIndexes: list(int32()),
    }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: int16({ or: 0 }),
        errorMessage: string({ nullable: "0+", or: null }),
        activeProducers: array({
          producerId: int64(),
          producerEpoch: int32(),
          lastSequence: int32({ or: -1 }),
          lastTimestamp: int64({ or: -1 }),
          coordinatorEpoch: int32(),
          currentTxnStartOffset: int64({ or: -1 }),
        }),
      }),
    }),
  },
});
