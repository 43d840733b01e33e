import { Reader } from "./reader.ts";
import { WireError } from "./errors.ts";
import { Writer } from "./writer.ts";

/** Partitions of a topic. */
export interface TopicPartitions {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** What a consumer says when it joins: the metadata in JoinGroup (`ConsumerProtocolSubscription`). */
export interface Subscription {
  readonly topics: readonly string[];
  readonly userData: Uint8Array | null;
  /** What it holds at the moment, for incremental assignors (KIP-429). */
  readonly ownedPartitions: readonly TopicPartitions[];
  /** The generation that `ownedPartitions` is from; -1: unknown (KIP-792). */
  readonly generationId: number;
  readonly rackId: string | null;
}

/** What the leader gives a consumer: the assignment in SyncGroup (`ConsumerProtocolAssignment`). */
export interface Assignment {
  readonly partitions: readonly TopicPartitions[];
  readonly userData: Uint8Array | null;
}

const SUBSCRIPTION_VERSION = 3;
const ASSIGNMENT_VERSION = 1;

/** Writes version 3. A missing field is empty, null or -1. */
export function encodeSubscription(subscription: Pick<Subscription, "topics"> & Partial<Subscription>): Uint8Array {
  const { topics, userData = null, ownedPartitions = [], generationId = -1, rackId = null } = subscription;
  const w = new Writer();
  w.int16(SUBSCRIPTION_VERSION).array(topics, (topic) => w.string(topic)).nullableBytes(userData);
  writePartitions(w, ownedPartitions);
  return w.int32(generationId).nullableString(rackId).finish();
}

/** Reads any version; of one newer than 3 the fields of 3. Throws `WireError` for anything else. */
export function decodeSubscription(bytes: Uint8Array): Subscription {
  const r = new Reader(bytes);
  const version = readVersion(r);
  return {
    topics: r.array(() => r.string()),
    userData: r.nullableBytes(),
    ownedPartitions: version >= 1 ? readPartitions(r) : [],
    generationId: version >= 2 ? r.int32() : -1,
    rackId: version >= 3 ? r.nullableString() : null,
  };
}

/** Writes version 1. */
export function encodeAssignment({ partitions, userData }: Assignment): Uint8Array {
  const w = new Writer().int16(ASSIGNMENT_VERSION);
  writePartitions(w, partitions);
  return w.nullableBytes(userData).finish();
}

/** Reads any version: all have had the same fields so far. Throws `WireError` for anything else. */
export function decodeAssignment(bytes: Uint8Array): Assignment {
  const r = new Reader(bytes);
  readVersion(r);
  return { partitions: readPartitions(r), userData: r.nullableBytes() };
}

function readVersion(r: Reader): number {
  const version = r.int16();
  if (version < 0) throw new WireError(`the consumer protocol has no version ${version}`);
  return version;
}

function writePartitions(w: Writer, topics: readonly TopicPartitions[]): void {
  w.array(topics, ({ topic, partitions }) => w.string(topic).array(partitions, (partition) => w.int32(partition)));
}

function readPartitions(r: Reader): TopicPartitions[] {
  return r.array(() => ({ topic: r.string(), partitions: r.array(() => r.int32()) }));
}
