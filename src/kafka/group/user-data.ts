/**
 * What members and the leader tell each other beside the standard fields: JSON in the userData of subscription and
 * assignment, so that Kafka's own tools still read both. It is never empty: without userData in the assignments one
 * consumer of the newer protocol (KIP-848) would turn the group over to assignment by the broker.
 *
 * Kafka keeps what all members say and are told in one record of 1 MB. So all of it is bounded and short: what is at its
 * default is left out, and texts for people are cut.
 */
import { NO_WORK, summaryOf, type WorkSummary } from "../../core/master-work.ts";
import type { LackingWorker, Presence, ProcessIdentity, ZoneData } from "../../driver/driver.ts";
import type { MemberData, Outcome, PeerData } from "../../driver/group-plan.ts";
import { packUuid, unpackUuid } from "./pack-uuid.ts";

/** Since 2 the names of timers are not told, and presences are lists; members of 1 read what concerns them as before. */
const FORMAT = 2;
/** The longest that a text for people is told, in characters. */
const MOST_TEXT = 64;
/** The longest of a field of an address or a process; one that is longer is not told at all. */
const MOST_PRESENCE = 128;
/** So many zones are told of at most. */
const MOST_ZONES = 8;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeMember(data: MemberData): Uint8Array {
  const {
    worker,
    runtime,
    version,
    work,
    zones,
    presence,
    incarnation,
    claim,
    eligible,
    leaseGraceMs,
    asksToYield,
    draining,
  } = data;
  return encode({
    worker: cut(worker),
    runtime: cut(runtime),
    version: cut(version),
    // A member of before has to run what it lists: one entry says that there is something.
    timers: work.count > 0 ? [work.count] : undefined,
    work: work.sketch,
    zones: boundedZones(zones),
    at: writePresence(presence),
    incarnation,
    claim,
    eligible,
    leaseGraceMs,
    asksToYield,
    draining,
  });
}

/** `isOld`: for a member that does not understand more than format 1. */
export function encodeOutcome(
  { worker, successor, work, zones, lacking, peers, ...outcome }: Outcome,
  isOld: boolean,
): Uint8Array {
  return encode({
    ...outcome,
    worker: cut(worker),
    successor: cut(successor),
    work: work && [work.count, work.sketch],
    zones: boundedZones(zones),
    lacking: lacking.length === 0 ? undefined : lacking.map(({ worker, version, work: { count, sketch } }) => [
      cut(worker),
      cut(version),
      count,
      sketch,
    ]),
    peers: peers.map((peer) => isOld ? peer : writePeer(peer)),
  });
}

/** Without what is at its default, as it is read. */
function encode(fields: Record<string, unknown>): Uint8Array {
  const said = Object.entries(fields).filter(([, value]) => value !== "" && value !== 0 && value !== false);
  return encoder.encode(JSON.stringify({ format: FORMAT, ...Object.fromEntries(said) }));
}

function cut(words: string): string {
  return words.length <= MOST_TEXT ? words : `${words.slice(0, MOST_TEXT - 1).toWellFormed()}…`;
}

function boundedZones(data: ZoneData | undefined): ZoneData | undefined {
  return data && { release: cut(data.release), zones: data.zones.slice(0, MOST_ZONES) };
}

function writePresence(presence: Presence | undefined): unknown[] | undefined {
  if (presence === undefined) return undefined;
  const { host, port, id, process } = presence;
  const { bootId, pidNamespace, pid, startTime } = process ?? {};
  const texts = [host, id, bootId, pidNamespace, startTime];
  if (texts.some((each) => each !== undefined && each.length > MOST_PRESENCE)) return undefined;
  return process
    ? [host, port, packUuid(id), packUuid(process.bootId), pidNamespace, pid, startTime]
    : [host, port, packUuid(id)];
}

function writePeer({ memberId, instanceId, worker, presence }: PeerData): unknown[] {
  return [memberId, instanceId ?? 0, cut(worker), writePresence(presence)];
}

/** Whether a member understands only what members of before were told. */
export function isOfBefore(userData: Uint8Array | null): boolean {
  return count(read(userData).format) < FORMAT;
}

/** Reads what a member said of itself. A member that says nothing we know takes partitions, and is never master. */
export function memberData(userData: Uint8Array | null): MemberData {
  const fields = read(userData);
  return {
    worker: text(fields.worker),
    runtime: text(fields.runtime),
    version: text(fields.version),
    work: workOf(fields.timers, fields.work),
    ...zonesOf(fields.zones),
    presence: presenceOf(fields.at) ?? formerPresence(fields.presence),
    incarnation: text(fields.incarnation),
    claim: count(fields.claim),
    eligible: fields.eligible === true,
    leaseGraceMs: count(fields.leaseGraceMs),
    asksToYield: text(fields.asksToYield),
    draining: fields.draining === true,
  };
}

/** Members of before list what they have to run. */
function workOf(timers: unknown, sketch: unknown): WorkSummary {
  const listed = values(timers);
  if (listed.length === 0) return NO_WORK;
  if (typeof sketch === "string") return { count: count(listed[0]), sketch };
  return summaryOf(listed.map(object).map(({ name, rule }) => ({ name: text(name), rule: text(rule) })));
}

/** Reads what the leader decided; of a leader that says nothing we know, that nobody is master. */
export function outcomeData(userData: Uint8Array | null): Outcome {
  const fields = read(userData);
  const [number, sketch] = values(fields.work);
  return {
    master: text(fields.master),
    worker: text(fields.worker),
    version: text(fields.version),
    instanceId: text(fields.instanceId),
    members: count(fields.members),
    ...(fields.work !== undefined && { work: { count: count(number), sketch: text(sketch) } }),
    ...zonesOf(fields.zones),
    lacking: values(fields.lacking).map((each): LackingWorker => {
      const [worker, version, number, sketch] = values(each);
      return { worker: text(worker), version: text(version), work: { count: count(number), sketch: text(sketch) } };
    }),
    leaseGraceMs: count(fields.leaseGraceMs),
    successor: text(fields.successor),
    resign: fields.resign === true,
    peers: values(fields.peers).flatMap((peer) => Array.isArray(peer) ? peerOf(peer) : formerPeer(object(peer))),
  };
}

function peerOf([memberId, instanceId, worker, at]: readonly unknown[]): PeerData[] {
  const presence = presenceOf(at);
  return presence
    ? [{ memberId: text(memberId), instanceId: text(instanceId) || null, worker: text(worker), presence }]
    : [];
}

function formerPeer({ memberId, instanceId, worker, presence: value }: Record<string, unknown>): PeerData[] {
  const presence = formerPresence(value);
  return presence
    ? [{ memberId: text(memberId), instanceId: text(instanceId) || null, worker: text(worker), presence }]
    : [];
}

function zonesOf(value: unknown): { zones?: ZoneData } {
  const { release, zones } = object(value);
  if (!Array.isArray(zones)) return {};
  const read = zones.map(object).map(({ name, from, marks }) => ({
    name: text(name),
    from: count(from),
    marks: values(marks).map(text),
  }));
  return { zones: { release: text(release), zones: read } };
}

function presenceOf(value: unknown): Presence | undefined {
  const [host, port, id, bootId, pidNamespace, pid, startTime] = values(value);
  const process = { bootId: unpackUuid(text(bootId)), pidNamespace, pid, startTime };
  return formerPresence({ host, port, id: unpackUuid(text(id)), process });
}

function formerPresence(value: unknown): Presence | undefined {
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

function values(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
