import { Code } from "../../src/wire/error-codes.ts";
import { LATEST, listOffsets } from "../../src/wire/requests/02-list-offsets.ts";
import { leaveGroup } from "../../src/wire/requests/13-leave-group.ts";
import { closeAll, clusterAt, driverAt } from "../kafka/support.ts";
import {
  committed,
  createTopic,
  deleteTopic,
  describeGroup,
  endOffsets,
  quietKafka,
  withAdmin,
} from "../support/kafkajs-oracle.ts";
import type { KafkaAddress } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import type { Log, Transactions } from "./log.ts";

/** Where a log is, and how its end is brought about. */
export type Address = KafkaAddress & { stop?(): Promise<void> };

/** A log that speaks Kafka's protocol at an address; what is in it is seen by an independent client. */
export function overTcp({ url, brokers, stop }: Address): Log {
  return {
    brokers,
    driver: (options) => driverAt(url, options),
    createTopic: (topic, partitions, config = {}) => createTopic(brokers, topic, { partitions, config }),
    deleteTopic: async (topic) => {
      await deleteTopic(brokers, topic);
      // Kafka answers a moment before the log is gone: what is written in it is acknowledged, and lost.
      const partitions = [{ partition: 0, timestamp: LATEST }];
      const cluster = clusterAt(url);
      await cluster.refresh([]);
      await until(async () => {
        const answer = await cluster.ask(
          listOffsets({ isolationLevel: "read_uncommitted", topics: [{ topic, partitions }] }),
        );
        return answer.topics[0]?.partitions[0]?.errorCode === Code.UNKNOWN_TOPIC_OR_PARTITION;
      });
    },
    deleteRecords: (topic, before) =>
      withAdmin(brokers, async (admin) => {
        await admin.fetchTopicOffsets(topic); // it deletes records of topics that it knows only
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] });
      }),
    committed: (group, topic) => committed(brokers, group, topic),
    end: async (topic) => (await endOffsets(brokers, topic))[0] ?? -1n,
    members: async (group) => (await describeGroup(brokers, group)).members.map(({ memberId }) => memberId),
    expel: async (group, memberId) => {
      const cluster = clusterAt(url);
      const connection = cluster.sharedConnection(await cluster.coordinator(group));
      await connection.send(leaveGroup({ groupId: group, members: [{ memberId }] }));
    },
    transactions: (topic) => transactions(brokers, topic),
    now: () => performance.now(),
    until,
    async stop() {
      closeAll();
      await stop?.();
    },
  };
}

async function transactions(brokers: string[], topic: string): Promise<Transactions> {
  const options = { transactionalId: topic, idempotent: true, maxInFlightRequests: 1 };
  const producer = quietKafka(brokers).producer(options);
  await producer.connect();
  return {
    async begin() {
      const transaction = await producer.transaction();
      return {
        async send(values) {
          await transaction.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) });
        },
        commit: () => transaction.commit(),
        abort: () => transaction.abort(),
      };
    },
    close: () => producer.disconnect(),
  };
}
