import { systemTime } from "../../src/core/delay.ts";
import { KafkaDriver } from "../../src/kafka/kafka-driver.ts";
import { parseUrl } from "../../src/kafka/connection/url.ts";
import { createTopic, deleteTopic, readTopic } from "../support/kafkajs-oracle.ts";
import { keptLines } from "../kafka/support.ts";
import { until } from "../support/until.ts";
import type { MasterLogUnderTest } from "./master-log.ts";
import type { Address } from "./tcp.ts";

/** A master's log on a broker that speaks Kafka's protocol; the independent reader is kafkajs. */
export function overKafka(start: () => Promise<Address>): () => Promise<MasterLogUnderTest> {
  return async () => {
    const { url, brokers, stop } = await start();
    const options = { linger: 0, compression: undefined };
    return {
      driver: () => new KafkaDriver(parseUrl(url, "test"), "kafka-test", options, keptLines(), systemTime),
      createTopic: (topic, partitions) => createTopic(brokers, topic, { partitions }),
      deleteTopic: (topic) => deleteTopic(brokers, topic),
      read: async (topic) =>
        (await readTopic(brokers, topic)).map(({ partition, offset, key, value }) => ({
          partition,
          offset: Number(offset),
          key: key && key.toString(),
          value: value && value.toString(),
        })),
      until: async (condition) => void await until(condition, { within: 20_000 }),
      stop: async () => await stop?.(),
    };
  };
}
