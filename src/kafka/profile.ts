/**
 * What members and the leader tell each other beside the standard fields: JSON in the userData of subscription and
 * assignment, so that Kafka's own tools still read both. It is never empty: without userData in the assignments one
 * consumer of the newer protocol (KIP-848) would turn the group over to assignment by the broker.
 */
import type { MemberProfile } from "../driver/driver.ts";

/** A member of itself. */
export interface MemberData extends MemberProfile {
  /** Of this run of the process: a static member that is restarted keeps its place, but is another. */
  readonly incarnation: string;
  /** The generation in which it won the mastership that it still holds, or 0. */
  readonly claim: number;
  /** Whether it stands for election. */
  readonly eligible: boolean;
  /** For how many ms more a lease may be held that the others do not know of: a predecessor's, or of a lost group's. */
  readonly patience: number;
}

/** The leader of the outcome. */
export interface AssignmentData {
  /** The incarnation that is master, or "". */
  readonly master: string;
  /** Its worker's name. */
  readonly worker: string;
  /** Its instance id, or "". */
  readonly instanceId: string;
  readonly members: number;
  /** How long the master waits before it acts, in ms: as long as a member has asked for. */
  readonly patience: number;
}

const FORMAT = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeData(data: MemberData | AssignmentData): Uint8Array {
  return encoder.encode(JSON.stringify({ format: FORMAT, ...data }));
}

/** Reads what a member said of itself. A member that says nothing we know takes partitions, and is never master. */
export function memberData(userData: Uint8Array | null): MemberData {
  const fields = read(userData);
  return {
    worker: text(fields.worker),
    runtime: text(fields.runtime),
    version: text(fields.version),
    timers: Array.isArray(fields.timers) ? fields.timers.map(text) : [],
    incarnation: text(fields.incarnation),
    claim: count(fields.claim),
    eligible: fields.eligible === true,
    patience: count(fields.patience),
  };
}

/** Reads what the leader decided; of a leader that says nothing we know, that nobody is master. */
export function assignmentData(userData: Uint8Array | null): AssignmentData {
  const fields = read(userData);
  return {
    master: text(fields.master),
    worker: text(fields.worker),
    instanceId: text(fields.instanceId),
    members: count(fields.members),
    patience: count(fields.patience),
  };
}

function read(userData: Uint8Array | null): Record<string, unknown> {
  if (userData === null) return {};
  try {
    const value: unknown = JSON.parse(decoder.decode(userData));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
