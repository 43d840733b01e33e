import { describeProducers as message } from "../../wire/messages/61-describe-producers.ts";
import { Code } from "../../wire/error-codes.ts";
import { api } from "./api.ts";

export const describeProducers = api(message, (broker, { topics }) => {
  return {
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        const log = broker.topics.partition(name, partitionIndex)?.log;
        if (log === undefined) {
          return { partitionIndex, errorCode: Code.UNKNOWN_TOPIC_OR_PARTITION, activeProducers: [] };
        }
        return {
          partitionIndex,
          activeProducers: [...log.producers.entries()].map(([producerId, entry]) => ({
            producerId,
            producerEpoch: entry.epoch,
            lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
            lastTimestamp: entry.lastTimestamp,
            coordinatorEpoch: entry.coordinatorEpoch,
            currentTxnStartOffset: entry.transactionStart,
          })),
        };
      }),
    })),
  };
});
