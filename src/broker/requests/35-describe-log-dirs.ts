import { describeLogDirs as message } from "../../wire/messages/35-describe-log-dirs.ts";
import { api } from "./api.ts";

/** What `kafka-log-dirs` asks: how large each log is. All of them are in one place. */
export const describeLogDirs = api(message, (broker, { topics: wanted }) => {
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
});
