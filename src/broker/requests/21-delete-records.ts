import { deleteRecords as message } from "../../wire/messages/21-delete-records.ts";
import { Code } from "../../wire/error-codes.ts";
import { api } from "./api.ts";

const HIGH_WATERMARK = -1;

export const deleteRecords = api(message, async (broker, { topics }) => {
  const answer = {
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, offset }) => {
        const refused = (errorCode: number) => ({ partitionIndex, lowWatermark: -1, errorCode });
        const log = broker.topics.partition(name, partitionIndex)?.log;
        if (log === undefined) return refused(Code.UNKNOWN_TOPIC_OR_PARTITION);
        if (!log.config.delete) return refused(Code.POLICY_VIOLATION);
        const to = offset === HIGH_WATERMARK ? log.endOffset : offset;
        if (to < 0 || to > log.endOffset) return refused(Code.OFFSET_OUT_OF_RANGE);
        log.deleteBefore(to);
        return { partitionIndex, lowWatermark: log.startOffset };
      }),
    })),
  };
  await broker.flushed();
  return answer;
});
