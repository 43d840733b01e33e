/**
 * What members and the leader tell each other beside the standard fields: JSON in the userData of subscription and
 * assignment, so that Kafka's own tools still read both. It is never empty: without userData in the assignments one
 * consumer of the newer protocol (KIP-848) would turn the group over to assignment by the broker.
 */
import type { MasterWork, MemberProfile, Presence, ProcessIdentity, ZoneData } from "../driver/driver.ts";

/** A member of itself. */
export interface MemberData extends Omit<MemberProfile, "mayBeMaster"> {
  /** Of this run of the process: a static member that is restarted keeps its place, but is another. */
  readonly incarnation: string;
  /** The generation in which it won the mastership that it still holds, or 0. */
  readonly claim: number;
  /** Whether it stands for election. */
  readonly eligible: boolean;
  /** For how many ms more a lease may be held that the others do not know of: a predecessor's, or of a lost group's. */
  readonly patience: number;
  /** The incarnation of a master that is asked to stand down, or "". */
  readonly asks: string;
  /** Whether it is stopping: it takes no partitions, and is not elected. Leaders of before do not know this. */
  readonly draining: boolean;
}

/** A member that another one is to watch. */
export interface PeerData {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly worker: string;
  readonly presence: Presence;
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
  /** Its time zone data. */
  readonly zones?: ZoneData | undefined;
  /** How long the master waits before it acts, in ms: as long as a member has asked for. */
  readonly patience: number;
  /** The worker that would be elected in the master's place, or "". */
  readonly heir: string;
  /** Whether the master is asked to stand down for it. */
  readonly resign: boolean;
  /** Whom this member is to watch. */
  readonly peers: readonly PeerData[];
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
    timers: list(fields.timers).map((work): MasterWork => ({ name: text(work.name), rule: text(work.rule) })),
    ...zonesOf(fields.zones),
    presence: presenceOf(fields.presence),
    incarnation: text(fields.incarnation),
    claim: count(fields.claim),
    eligible: fields.eligible === true,
    patience: count(fields.patience),
    asks: text(fields.asks),
    draining: fields.draining === true,
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
    ...zonesOf(fields.zones),
    patience: count(fields.patience),
    heir: text(fields.heir),
    resign: fields.resign === true,
    peers: list(fields.peers).flatMap((peer) => {
      const presence = presenceOf(peer.presence);
      const instanceId = text(peer.instanceId) || null;
      return presence ? [{ memberId: text(peer.memberId), instanceId, worker: text(peer.worker), presence }] : [];
    }),
  };
}

function zonesOf(value: unknown): { zones?: ZoneData } {
  const { release, zones } = object(value);
  if (!Array.isArray(zones)) return {};
  const marks = (value: unknown) => Array.isArray(value) ? value.map(text) : [];
  const read = list(zones).map((zone) => ({ name: text(zone.name), from: count(zone.from), marks: marks(zone.marks) }));
  return { zones: { release: text(release), zones: read } };
}

function presenceOf(value: unknown): Presence | undefined {
  const { host, port, id, process } = object(value);
  if (text(host) === "" || text(id) === "" || count(port) === 0 || count(port) > 65535) return undefined;
  return { host: text(host), port: count(port), id: text(id), process: processOf(process) };
}

function processOf(value: unknown): ProcessIdentity | undefined {
  const { bootId, pidNamespace, pid, startTime } = object(value);
  if (text(bootId) === "" || text(pidNamespace) === "" || text(startTime) === "" || count(pid) === 0) return undefined;
  return { bootId: text(bootId), pidNamespace: text(pidNamespace), pid: count(pid), startTime: text(startTime) };
}

function read(userData: Uint8Array | null): Record<string, unknown> {
  if (userData === null) return {};
  try {
    return object(JSON.parse(decoder.decode(userData)));
  } catch {
    return {};
  }
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(object) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
