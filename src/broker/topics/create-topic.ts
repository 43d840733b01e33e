import { Code } from "../../wire/error-codes.ts";
import { refuse, refuseTogether } from "../settings/configs.ts";
import { isInternal } from "./internal-topics.ts";
import { NODE_ID } from "../node.ts";
import type { Topics } from "./topics.ts";

/** As many partitions as one request may create, as in Kafka: more are a mistake on one machine, and would take its memory. */
export const MAX_PARTITIONS = 10_000;

/** Why a topic cannot be created, with the protocol's code for it. */
export class TopicError extends Error {
  override name = "TopicError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface NewTopic {
  readonly name: string;
  /** -1: the default. */
  readonly numPartitions: number;
  /** -1: the default. */
  readonly replicationFactor: number;
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[];
  readonly configs: readonly (readonly [name: string, value: string | null])[];
}

/** How many partitions are asked for, by number or by their assignments. */
export function countPartitions(
  wishes: readonly Pick<NewTopic, "numPartitions" | "assignments">[],
  defaultPartitions: number,
): number {
  const count = ({ numPartitions, assignments }: Pick<NewTopic, "numPartitions" | "assignments">) =>
    assignments.length > 0 ? assignments.length : numPartitions === -1 ? defaultPartitions : Math.max(numPartitions, 0);
  return wishes.reduce((sum, wish) => sum + count(wish), 0);
}

/** What is to be created, or why it cannot be. `defaultPartitions`: Kafka's `num.partitions`. */
export function planTopic(
  topics: Topics,
  wish: NewTopic,
  defaultPartitions: number,
): { partitions: number; config: Map<string, string> } | TopicError {
  const { name, numPartitions, replicationFactor, assignments, configs } = wish;
  const wrongName = refuseName(name);
  if (wrongName !== undefined) return new TopicError(Code.INVALID_TOPIC_EXCEPTION, wrongName);
  if (topics.get(name) !== undefined || isInternal(name)) {
    return new TopicError(Code.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`);
  }
  const alike = topics.alike(name);
  if (alike !== undefined) {
    return new TopicError(Code.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${alike.name}`);
  }
  let partitions = numPartitions === -1 ? defaultPartitions : numPartitions;
  if (assignments.length > 0) {
    if (numPartitions !== -1 || replicationFactor !== -1) {
      return new TopicError(Code.INVALID_REQUEST, "Partitions or a replication factor and assignments were given.");
    }
    const wrong = assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== NODE_ID) ||
      assignments.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b).some((index, i) => index !== i);
    if (wrong) {
      return new TopicError(
        Code.INVALID_REPLICA_ASSIGNMENT,
        `Each partition from 0 on is assigned to broker ${NODE_ID} alone.`,
      );
    }
    partitions = assignments.length;
  } else if (replicationFactor !== 1 && replicationFactor !== -1) {
    return new TopicError(
      Code.INVALID_REPLICATION_FACTOR,
      replicationFactor > 1
        ? `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ${replicationFactor} cannot be reached because only 1 broker(s) are registered.`
        : "Replication factor must be larger than 0, or -1 to use the default value.",
    );
  }
  if (partitions <= 0 || partitions > MAX_PARTITIONS) {
    return new TopicError(
      Code.INVALID_PARTITIONS,
      `Number of partitions must be 1 to ${MAX_PARTITIONS}, or -1 for the default.`,
    );
  }
  const config = new Map<string, string>();
  for (const [key, value] of configs) {
    const wrong = refuse(key, value);
    if (wrong !== undefined) return new TopicError(Code.INVALID_CONFIG, wrong);
    if (value !== null) config.set(key, value.trim());
  }
  const wrong = refuseTogether(config);
  return wrong === undefined ? { partitions, config } : new TopicError(Code.INVALID_CONFIG, wrong);
}

/** Why a topic cannot have a name, in a sentence; undefined: it can. */
export function refuseName(name: string): string | undefined {
  if (name === "") return "Topic name is invalid: the empty string is not allowed";
  if (name === "." || name === "..") return `Topic name is invalid: '${name}' is not allowed`;
  if (name.length > 249) {
    return `Topic name is invalid: the length of '${name}' is longer than the max allowed length 249`;
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `Topic name is invalid: '${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return undefined;
}
