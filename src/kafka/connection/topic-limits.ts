import type { TopicSpec } from "../../driver/driver.ts";
import { Code, isRetriableCode } from "../../wire/error-codes.ts";
import { createTopics } from "../../wire/requests/19-create-topics.ts";
import { describeConfigs } from "../../wire/requests/32-describe-configs.ts";
import type { Call } from "../../wire/call.ts";
import { notCreated, ProtocolError } from "./errors.ts";

export const CREATE_TIMEOUT_MS = 5000;
const SIZE = "max.message.bytes";
const LARGEST_BYTES = 2 ** 31 - 1;
/** For headers that a message is given. */
const ROOM_BYTES = 64 << 10;
const FOREVER = "9223372036854775807";

/** A topic that takes any time, and keys or none, as they come; and keeps all, since old times would end what is new. */
const TAKES_ALL = {
  "cleanup.policy": "delete",
  "compression.type": "producer",
  "message.timestamp.type": "CreateTime",
  "message.timestamp.before.max.ms": FOREVER,
  "message.timestamp.after.max.ms": FOREVER,
  "retention.ms": "-1",
  "retention.bytes": "-1",
};

/** Whoever asks any broker. */
interface Asking {
  ask<T>(call: Call<T>): Promise<T>;
}

export function newTopic({ topic, partitions, replicationFactor }: TopicSpec) {
  return { name: topic, partitions, replicationFactor };
}

/** Throws unless a topic is there now. Errors: `UNKNOWN_TOPIC`, `NOT_AUTHORIZED`, `PROTOCOL` for what may pass. */
export function checkCreated(topic: string, code: number, message: string | null): void {
  if (code === Code.NONE || code === Code.TOPIC_ALREADY_EXISTS) return;
  if (isRetriableCode(code)) throw new ProtocolError(code, `Creating topic ${topic}`);
  throw notCreated(topic, code, message);
}

/**
 * Creates a topic that takes what `source` takes. Brokers may forbid some settings: then with fewer, at last with none.
 * Errors: as {@link checkCreated}.
 */
export async function createWithLimits(cluster: Asking, spec: TopicSpec, source: string): Promise<void> {
  const size = await sizeOf(cluster, source);
  // A batch is copied by itself, and perhaps compressed less well than it was.
  const roomy: Record<string, string> = size === undefined
    ? {}
    : { [SIZE]: String(Math.min(LARGEST_BYTES, size * 2 + ROOM_BYTES)) };
  const same: Record<string, string> = size === undefined ? {} : { [SIZE]: String(size) };
  for (const configs of [{ ...TAKES_ALL, ...roomy }, same, {}]) {
    const answer = await cluster.ask(
      createTopics({ topics: [{ ...newTopic(spec), configs }], timeoutMs: CREATE_TIMEOUT_MS }),
    );
    const [created] = answer.topics;
    const code = created?.errorCode ?? Code.NONE;
    const isForbidden = code === Code.INVALID_CONFIG || code === Code.POLICY_VIOLATION;
    if (isForbidden && Object.keys(configs).length > 0) continue;
    return checkCreated(spec.topic, code, created?.errorMessage ?? null);
  }
}

/** The largest message that a topic takes, in bytes; undefined where we are not told. */
async function sizeOf(cluster: Asking, topic: string): Promise<number | undefined> {
  const { resources } = await cluster.ask(
    describeConfigs({ resources: [{ type: "topic", name: topic, keys: [SIZE] }] }),
  );
  const size = Number(resources[0]?.configs.get(SIZE) ?? NaN);
  return Number.isSafeInteger(size) ? size : undefined;
}
