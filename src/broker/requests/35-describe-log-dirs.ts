import { array, boolean, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

/** What `kafka-log-dirs` asks: how large each log is. All of them are in one place. */
export const describeLogDirs = api({
  key: 35,
  name: "DescribeLogDirs",
  versions: [1, 4],
  flexibleFrom: 2,
  request: {
    topics: array({
      topic: string(),
      partitions: list(int32()),
    }, { nullable: "0+" }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ v: "3+", or: 0 }),
    results: array({
      errorCode: int16({ or: 0 }),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64({ or: 0 }),
          isFutureKey: boolean({ or: false }),
        }),
      }),
      totalBytes: int64({ v: "4+", or: -1 }),
      usableBytes: int64({ v: "4+", or: -1 }),
    }),
  },
  handle(broker, { topics: wanted }) {
    // As in Kafka, what is not there is left out.
    const topics = wanted === null
      ? broker.topics.all().map(({ name, partitions }) => ({ name, partitions }))
      : wanted.map(({ topic, partitions }) => ({
        name: topic,
        partitions: [...new Set(partitions)].flatMap((index) => broker.topics.partition(topic, index) ?? []),
      }));
    const { name: logDir, total: totalBytes, usable: usableBytes } = broker.logDir;
    return {
      results: [{
        logDir,
        totalBytes,
        usableBytes,
        topics: topics
          .filter(({ partitions }) => partitions.length > 0)
          .map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ index, log }) => ({ partitionIndex: index, partitionSize: log.size })),
          })),
      }],
    };
  },
});
