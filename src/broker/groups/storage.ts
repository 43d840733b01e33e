import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import type { Group } from "./group.ts";
import { createMember, type Member } from "./member.ts";
import type { CommittedOffset } from "./offsets.ts";
import { subscribedTopics } from "./subscriptions.ts";

const VERSION = 0;

/** What a restarted broker has to know of a group; parked requests and sessions it cannot know. */
export function encodeGroup(group: Group): Uint8Array {
  const w = new Writer().int8(VERSION).int64(group.since).int32(group.generationId);
  w.nullableString(group.protocolType).nullableString(group.protocolName).nullableString(group.leaderId);
  return w.array([...group.members.values()], (member) => writeMember(w, member)).finish();
}

/** Fills a new group with what was kept of it. A rebalance that was under way has not happened. */
export function restoreGroup(group: Group, value: Uint8Array): void {
  const r = new Reader(value);
  r.int8();
  const since = r.int64();
  const generationId = r.int32();
  const [protocolType, protocolName, leaderId] = [r.nullableString(), r.nullableString(), r.nullableString()];
  for (const member of r.array(() => readMember(r))) group.add(member, protocolType ?? "");
  group.state = group.members.size > 0 ? "Stable" : "Empty";
  Object.assign(group, { since, generationId, protocolType, protocolName, leaderId });
  group.topics = subscribedTopics(group);
}

function writeMember(w: Writer, member: Member): void {
  w.string(member.id).nullableString(member.groupInstanceId).string(member.clientId).string(member.clientHost);
  w.int32(member.rebalanceTimeoutMs).int32(member.sessionTimeoutMs).bytes(member.assignment);
  w.array(member.protocols, ({ name, metadata }) => w.string(name).bytes(metadata));
}

function readMember(r: Reader): Member {
  const fields = {
    id: r.string(),
    groupInstanceId: r.nullableString(),
    clientId: r.string(),
    clientHost: r.string(),
    rebalanceTimeoutMs: r.int32(),
    sessionTimeoutMs: r.int32(),
  };
  const assignment = r.bytes();
  const protocols = r.array(() => ({ name: r.string(), metadata: r.bytes() }));
  return { ...createMember({ ...fields, protocols }), assignment };
}

export function encodeOffset(value: CommittedOffset): Uint8Array {
  const w = new Writer().int8(VERSION).int64(value.offset).int32(value.leaderEpoch).string(value.metadata);
  return w.int64(value.committedAt).int64(value.expiresAt ?? -1).int64(value.order).finish();
}

export function decodeOffset(value: Uint8Array): CommittedOffset {
  const r = new Reader(value);
  r.int8();
  const [offset, leaderEpoch, metadata, committedAt] = [r.int64(), r.int32(), r.string(), r.int64()];
  const expiresAt = r.int64();
  return { offset, leaderEpoch, metadata, committedAt, expiresAt: expiresAt < 0 ? null : expiresAt, order: r.int64() };
}
