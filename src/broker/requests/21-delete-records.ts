import { Code } from "../../wire/error-codes.ts";
import { array, int16, int32, int64, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

const HIGH_WATERMARK = -1;

export const deleteRecords = api({
  key: 21,
  name: "DeleteRecords",
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        offset: int64(),
      }),
    }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        lowWatermark: int64(),
        errorCode: int16({ or: 0 }),
      }),
    }),
  },
  async handle(broker, { topics }) {
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
  },
});
