import kafkajs, { type Admin, type Cluster, type KafkaConfig, type KafkaMessage } from "kafkajs";
import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "./until.ts";

/**
 * An independent client, by which tests decide what is in Kafka: plain kafkajs with its own codec. It uses nothing of
 * this project, so that a mistake of ours cannot hide itself.
 */

/** A message as it lies in its partition. */
export type StoredMessage = {
  partition: number;
  offset: bigint;
  /** In ms since 1970. */
  timestamp: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: NonNullable<KafkaMessage["headers"]>;
};

/** A message to be written. Without a key and a partition, messages go to the partitions in turn. */
export type NewMessage = {
  key?: string | Buffer | null;
  value: string | Buffer | null;
  partition?: number;
  headers?: Record<string, string | Buffer>;
  timestamp?: number;
};

/** kafkajs's queue of requests, as far as it is used. */
type RequestQueue = { pending: unknown[]; scheduleCheckPendingRequests(): void };
const { prototype: queue }: { prototype: RequestQueue } = createRequire(import.meta.url)(
  "kafkajs/src/network/requestQueue/index.js",
);
const schedule = queue.scheduleCheckPendingRequests;
/**
 * kafkajs 2.2.4 arms a timer of minus the time of day after each answer when nothing is pending: of no use, and Node
 * warns of it once a process, amid a test's output. What is pushed later schedules by itself.
 */
queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
  if (this.pending.length > 0) schedule.call(this);
};

/** A kafkajs client that logs nothing and gives up after about two seconds, whatever NODE_ENV is. */
export function quietKafka(brokers: string[], more: Partial<KafkaConfig> = {}): kafkajs.Kafka {
  return new kafkajs.Kafka({
    brokers,
    clientId: "independent",
    logLevel: kafkajs.logLevel.NOTHING,
    connectionTimeout: 2000,
    requestTimeout: 5000,
    // In full: kafkajs has other defaults when NODE_ENV is `test`, as it is under `bun test`.
    retry: { initialRetryTime: 50, maxRetryTime: 1000, factor: 0.2, multiplier: 1.5, retries: 8 },
    ...more,
  });
}

/** Whether a broker answers a client's metadata request. */
export async function answers(brokers: string[]): Promise<boolean> {
  const admin = quietKafka(brokers, { requestTimeout: 2000, retry: { retries: 0 } }).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect();
  }
}

/** Creates a topic and waits for its leaders. */
export async function createTopic(
  brokers: string[],
  topic: string,
  { partitions = 1, config = {} }: { partitions?: number; config?: Record<string, string> } = {},
): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await withAdmin(brokers, async (admin) => {
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
      waitForLeaders: true,
    });
    // A broker that does not know the topic yet has kafkajs create it again, and wait no longer.
    await until(async () => {
      const { topics: [found] } = await admin.fetchTopicMetadata({ topics: [topic] });
      return found?.partitions.length === partitions && found.partitions.every(({ leader }) => leader >= 0);
    });
  });
}

/** Deletes a topic. */
export async function deleteTopic(brokers: string[], topic: string): Promise<void> {
  await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
}

/** Writes messages, in order, in one request; keys are hashed as in Kafka's own clients. */
export async function produce(
  brokers: string[],
  topic: string,
  messages: NewMessage[],
  more: Partial<KafkaConfig> = {},
): Promise<void> {
  const ends = await endOffsets(brokers, topic);
  const producer = quietKafka(brokers, more).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    await producer.send({
      topic,
      acks: -1,
      messages: messages.map(({ timestamp, ...message }, index) => ({
        // kafkajs chooses anew when it sends a message without a key again, so the choice is made here.
        ...(message.key === undefined || message.key === null ? { partition: index % ends.length } : {}),
        ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
        ...message,
      })),
    });
  } finally {
    await producer.disconnect();
  }
}

/** The end of each partition, by partition number: the offset that the next message gets. */
export async function endOffsets(brokers: string[], topic: string): Promise<bigint[]> {
  const partitions = await withAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic));
  const ends: bigint[] = [];
  for (const { partition, high } of partitions) ends[partition] = BigInt(high);
  return ends;
}

/** What a group has committed, by partition number; `undefined` where it has committed nothing. */
export async function committed(brokers: string[], group: string, topic: string): Promise<(bigint | undefined)[]> {
  const [answer] = await withAdmin(brokers, (admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }));
  const offsets: (bigint | undefined)[] = [];
  for (const { partition, offset } of answer?.partitions ?? []) {
    offsets[partition] = offset === "-1" ? undefined : BigInt(offset);
  }
  return offsets;
}

/** The group as its coordinator sees it: state, protocol and members. */
export async function describeGroup(brokers: string[], group: string): Promise<kafkajs.GroupDescription> {
  const { groups: [description] } = await withAdmin(brokers, (admin) => admin.describeGroups([group]));
  if (description === undefined) throw new Error(`the coordinator knows nothing of group ${group}`);
  return description;
}

/** Has kafkajs's admin client do something. */
export async function withAdmin<T>(brokers: string[], use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = quietKafka(brokers).admin();
  await admin.connect();
  try {
    return await retried(() => use(admin));
  } finally {
    await admin.disconnect();
  }
}

/** Again while the error is one that passes: kafkajs does not wait everywhere for what loads after a broker's start. */
async function retried<T>(use: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await use();
    } catch (error) {
      if (!(error instanceof kafkajs.KafkaJSError && error.retriable) || attempt === 50) throw error;
      await sleep(50);
    }
  }
}

type FetchedMessage = KafkaMessage & { isControlRecord: boolean };
type FetchedPartition = {
  highWatermark: string;
  lastStableOffset: string;
  abortedTransactions: unknown[];
  messages: FetchedMessage[];
};

/** The rule by which kafkajs's own consumer leaves out what was aborted. */
const withoutAborted: (fetched: Pick<FetchedPartition, "messages" | "abortedTransactions">) => FetchedMessage[] =
  createRequire(import.meta.url)("kafkajs/src/consumer/filterAbortedMessages.js");

/**
 * All messages of a topic from the start to its present end, ordered by partition and offset.
 *
 * @param options.readCommitted true (the default) leaves out what was aborted and stops at the first open transaction
 */
export async function readTopic(
  brokers: string[],
  topic: string,
  { readCommitted = true }: { readCommitted?: boolean } = {},
): Promise<StoredMessage[]> {
  const cluster = clusterOf(brokers);
  await cluster.connect();
  try {
    await cluster.addTargetTopic(topic);
    const partitions = cluster.findTopicPartitionMetadata(topic).map((one) => one.partitionId).sort((a, b) => a - b);
    const wish = { topic, fromBeginning: true, partitions: partitions.map((partition) => ({ partition })) };
    const starts = await retried(() => cluster.fetchTopicsOffset([wish]));
    const found: StoredMessage[] = [];
    for (const partition of partitions) {
      const start = starts[0]?.partitions.find((one) => one.partition === partition)?.offset ?? "0";
      found.push(...await readPartition(cluster, topic, partition, BigInt(start), readCommitted));
    }
    return found;
  } finally {
    await cluster.disconnect();
  }
}

async function readPartition(
  cluster: Cluster,
  topic: string,
  partition: number,
  start: bigint,
  readCommitted: boolean,
): Promise<StoredMessage[]> {
  const [nodeId = ""] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
  const broker = await cluster.findBroker({ nodeId });
  const found: StoredMessage[] = [];
  let end: bigint | undefined;
  for (let next = start; end === undefined || next < end;) {
    const fetched: FetchedPartition = (await broker.fetch({
      isolationLevel: readCommitted ? 1 : 0,
      maxWaitTime: 1,
      topics: [{ topic, partitions: [{ partition, fetchOffset: String(next), maxBytes: 8 << 20 }] }],
    })).responses[0].partitions[0];
    // Whoever writes on and on must not keep the reader from coming to an end.
    end ??= BigInt(readCommitted ? fetched.lastStableOffset : fetched.highWatermark);
    const last = fetched.messages.at(-1);
    if (last === undefined) break;
    for (const message of withoutAborted(readCommitted ? fetched : { ...fetched, abortedTransactions: [] })) {
      const offset = BigInt(message.offset);
      if (message.isControlRecord || offset < next || offset >= end) continue;
      const { key, value, timestamp, headers = {} } = message;
      found.push({ partition, offset, timestamp: Number(timestamp), key, value, headers });
    }
    next = BigInt(last.offset) + 1n;
  }
  return found;
}

/**
 * kafkajs's cluster, which it hands to partition assigners. Fetching through it needs no group: a consumer would first
 * have to join one, and could not say where the last stable offset is.
 */
function clusterOf(brokers: string[]): Cluster {
  let found: Cluster | undefined;
  quietKafka(brokers).consumer({
    groupId: randomUUID(),
    partitionAssigners: [({ cluster }) => {
      found = cluster;
      return {
        name: "none",
        version: 0,
        protocol: () => ({ name: "none", metadata: Buffer.alloc(0) }),
        assign: () => Promise.resolve([]),
      };
    }],
  });
  if (found === undefined) throw new Error("kafkajs has not called its assigner");
  return found;
}
