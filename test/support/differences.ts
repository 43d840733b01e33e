import { Buffer } from "node:buffer";
import { NO_UUID } from "../../src/wire/protocol/fields.ts";

/** The differential tests, each a file. */
export type Suite = "logs" | "groups" | "transactions" | "admin";

/** Something in which the dev broker may answer otherwise than Kafka does. */
export interface Difference {
  readonly why: string;
  /** Where it is needed: a suite that gets along without it fails. */
  readonly in: readonly Suite[];
  /** The fields that it is about, by the field's name and what was asked. */
  readonly field: RegExp;
  readonly asked?: RegExp;
  /** Whether this much is allowed. */
  readonly allows: (kafka: unknown, ours: unknown) => boolean;
}

const isSaid = (value: unknown) => typeof value === "string" && value !== "";
const anything = () => true;
const isMissing = (_kafka: unknown, ours: unknown) => ours === undefined;

/**
 * All that may differ. Ids that are drawn at random are named by the order of their appearance before answers are
 * compared, so that only which of them are the same counts; of lists in the order of a hash table, only what they hold.
 */
export const differences: readonly Difference[] = [
  { why: "who the broker is", in: ["logs", "admin"], field: /^(clusterId|port)$/, allows: anything },
  {
    why: "messages are for people: their words do not count, and one may say more than Kafka's, or anything at all",
    in: ["logs", "admin"],
    field: /Message$/,
    allows: (_kafka, ours) => isSaid(ours),
  },
  {
    why: "there are no users and no quotas: SASL, delegation tokens, setting of quotas and passwords",
    in: ["logs"],
    field: /^request (17|36|38|39|40|41|49|51)$/,
    allows: isMissing,
  },
  {
    why: "there is one broker with one log folder: nothing is moved, and brokers ask each other nothing",
    in: ["logs"],
    field: /^request (27|34|45|64|80|81)$/,
    allows: isMissing,
  },
  {
    why: "groups are of the classic protocol: no KIP-848, no share groups",
    in: ["logs"],
    field: /^(request (69|77|78|79|83|84|85|86|87|90|91|92)|(feature|level of) (group|share)\.version)$/,
    allows: isMissing,
  },
  {
    why: "the quorum of controllers has no log here: what would be in it is in journals",
    in: ["admin"],
    field: /^(highWatermark|logEndOffset|lastFetchTimestamp|lastCaughtUpTimestamp)$/,
    asked: /DescribeQuorum/,
    allows: anything,
  },
  {
    why: "there is no quorum of controllers, whose features these are",
    in: ["logs"],
    field: /^(feature|level of) (kraft|metadata|eligible\.leader\.replicas)\.version$/,
    allows: isMissing,
  },
  {
    why: "no fetch sessions are kept, as KIP-227 allows: on one machine they would save next to nothing",
    in: ["logs"],
    field: /^sessionId$/,
    allows: (_kafka, ours) => ours === 0,
  },
  {
    why: "set for the whole cluster by Kafka, for its replicas",
    in: ["logs", "admin"],
    field: /^(configSource|synonyms)$/,
    asked: /configs\[min\.insync\.replicas\]/,
    allows: anything,
  },
];

/** Fields whose lists Kafka makes from hash tables. */
export const UNORDERED = /^(members|resources|configResources|results|topics|partitions|configs|responses)$/;

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Gives random ids the names `uuid0`, `producer0` and so on, and moments the name `time`. */
export function named(told: unknown): unknown {
  const seen = new Map<string, unknown[]>();
  const nameOf = (kind: string, one: unknown): string => {
    const all = seen.get(kind) ?? [];
    seen.set(kind, all);
    if (!all.includes(one)) all.push(one);
    return `${kind}${all.indexOf(one)}`;
  };
  const walk = (value: unknown, key = ""): unknown => {
    if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString("hex")}`;
    if (key === "topicId" && value !== NO_UUID && !/^1+$/.test(String(value))) return nameOf("topic", value);
    if (key === "producerId" && Number(value) >= 0) return nameOf("producer", value);
    if (/^(transactionStartTimeMs|logAppendTimeMs)$/.test(key) && Number(value) > 0) return "time";
    if (typeof value === "string") return value.replace(UUID, (uuid) => nameOf("uuid", uuid));
    if (Array.isArray(value)) return value.map((one) => walk(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, walk(one, key)]));
  };
  return walk(told);
}
