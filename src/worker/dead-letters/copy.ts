import { describeThrown, isMephistoError, messageOf } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";

/** How a message is copied; as it was first, and with less of what is ours each time that a topic refuses it. */
export interface CopyPlan {
  /** Of our own headers: all of them, with a short error, or none. */
  readonly about: "all" | "short" | "none";
  /** Compressed as it came, alone; else as anything that is sent. */
  readonly compressed: boolean;
  /** Has the time of its copying, and its own in a header. */
  readonly dated: boolean;
}

export const AS_IT_WAS: CopyPlan = { about: "all", compressed: false, dated: false };

/** The longest that an error becomes in a header, in characters; and where it has to be short. */
const ERROR_CHARS = 2000;
const SHORT_ERROR_CHARS = 80;
/** Of one that did not come compressed: any runtime has it. */
const COMPRESSION = "gzip";
const TIMESTAMP = "mephisto-timestamp";

const encoder = new TextEncoder();

/** What went wrong with a message, and where. */
export interface Death {
  readonly topic: string;
  readonly partition: number;
  readonly message: Message;
  readonly error: unknown;
  readonly attempts: number;
  readonly worker: string;
  /** In ms since the epoch. */
  readonly now: number;
}

/**
 * How to copy a message that was refused as `plan` says; undefined: nothing of ours is left to give up. A large one is
 * compressed, then told less about; whatever else the topic has against it may be its time.
 */
export function nextPlan(plan: CopyPlan, refusal: unknown): CopyPlan | undefined {
  const code = isMephistoError(refusal) ? refusal.code : undefined;
  if (code === "UNKNOWN_TOPIC" || code === "NOT_AUTHORIZED") return undefined;
  if (code !== "MESSAGE_TOO_LARGE") return plan.dated ? undefined : { ...plan, dated: true };
  switch (plan.about) {
    case "all":
      return plan.compressed ? { ...plan, about: "short" } : { ...plan, compressed: true };
    case "short":
      return { ...plan, about: "none" };
    case "none": // what no codec makes smaller, it makes larger
      return plan.compressed ? { ...plan, compressed: false } : undefined;
  }
}

/** The copy: key, value and headers as they were, and ours after them. */
export function copyOf(death: Death, plan: CopyPlan, topic: string): OutgoingRecord {
  const { message, now } = death;
  const { key, value } = message;
  // A producer may have sent any timestamp; one that is no whole number cannot be sent again.
  const dated = plan.dated || !Number.isSafeInteger(message.timestamp);
  const about = new Map(
    plan.about === "none" ? [] : aboutOf(death, plan.about === "all" ? ERROR_CHARS : SHORT_ERROR_CHARS),
  );
  if (dated) about.set(TIMESTAMP, String(message.timestamp));
  const headers = [
    ...message.headers.filter(([name]) => !about.has(name)), // ours of an earlier death
    ...[...about].map(([name, text]): [string, Uint8Array] => [name, encoder.encode(text)]),
  ];
  const record = { topic, key, value, headers, timestamp: dated ? now : message.timestamp };
  return plan.compressed ? { ...record, compression: message.compression ?? COMPRESSION } : record;
}

function aboutOf({ topic, partition, message, error, attempts, worker }: Death, length: number): [string, string][] {
  return [
    ["mephisto-error", messageOf(error).slice(0, length)],
    ["mephisto-topic", topic],
    ["mephisto-partition", String(partition)],
    ["mephisto-offset", String(message.offset)],
    ["mephisto-attempts", String(attempts)],
    ["mephisto-worker", worker],
  ];
}

/** All of it as a line of JSON, bytes as base64. `base64` is handed in, since not every runtime has its own. */
export function lineOf(death: Death, base64: (bytes: Uint8Array) => string): string {
  const { topic, partition, message, error, attempts, worker, now } = death;
  const bytes = (bytes: Uint8Array | null) => bytes === null ? null : base64(bytes);
  return JSON.stringify({
    topic,
    partition,
    offset: message.offset,
    timestamp: message.timestamp,
    key: bytes(message.key),
    value: bytes(message.value),
    headers: message.headers.map(([name, value]) => [name, bytes(value)]),
    error: describeThrown(error),
    attempts,
    worker,
    deadLetteredAt: new Date(now).toISOString(),
  });
}
