import { GroupCoordinator } from "../../src/broker/groups/coordinator.ts";
import type { GroupSettings } from "../../src/broker/groups/settings.ts";
import type { JoinAnswer, JoinRequest, SyncAnswer } from "../../src/broker/groups/types.ts";
import { type KeyValueJournal, MemoryJournal } from "../../src/broker/key-value-journal.ts";
import { encodeSubscription } from "../../src/wire/consumer-protocol.ts";
import { Code } from "../../src/wire/error-codes.ts";
import { FakeTime } from "./fake-time.ts";

/** Of all members here. */
export const SESSION_MS = 6000;
export const REBALANCE = 30_000;

/** Whether a request still waits for its answer. */
export function isParked(request: { answer: unknown }): boolean {
  return request.answer === undefined;
}

/** A coordinator on time that is moved by hand, and the short forms of requests to it. */
export function setting(
  settings: Partial<GroupSettings> = {},
  journal: KeyValueJournal = new MemoryJournal(),
  time = new FakeTime(),
) {
  let uuids = 0;
  const uuid = () => `${++uuids}`;
  const groups = new GroupCoordinator({ settings, clock: time, timers: time, journal, uuid });
  groups.start();
  const join = (memberId: string, options: Partial<JoinRequest> & { said?: string; topics?: string[] } = {}) => {
    const parked: { answer: JoinAnswer | undefined } = { answer: undefined };
    const { said = "", topics = ["t"] } = options;
    const metadata = encodeSubscription({ topics, userData: new TextEncoder().encode(said) });
    groups.join({
      groupId: "g",
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE,
      memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata }],
      requiresKnownMemberId: true,
      canSkipAssignment: true,
      clientId: "client",
      clientHost: "/127.0.0.1",
      ...options,
    }, (answer) => parked.answer = answer);
    return parked;
  };
  const enter = (options = {}) => {
    const memberId = join("", options).answer?.memberId ?? "";
    const joined = join(memberId, options);
    time.advance(0);
    return { memberId, joined };
  };
  const sync = (generationId: number, memberId: string, given: string[] = []) => {
    const parked: { answer: SyncAnswer | undefined } = { answer: undefined };
    const assignments = given.map((memberId) => ({ memberId, assignment: new TextEncoder().encode(memberId) }));
    const identity = { groupId: "g", generationId, memberId, groupInstanceId: null };
    const message = { ...identity, protocolType: null, protocolName: null, assignments };
    groups.sync(message, (answer) => parked.answer = answer);
    return parked;
  };
  const beat = (generationId: number, memberId: string) =>
    groups.heartbeat({ groupId: "g", generationId, memberId, groupInstanceId: null });
  const commit = (generationId: number, memberId: string, offset = 1, topic = "t") => {
    const offsets = [{ topic, partition: 0, offset, leaderEpoch: -1, metadata: null }];
    const identity = { groupId: "g", generationId, memberId, groupInstanceId: null };
    return groups.commit(identity, offsets, Code.ILLEGAL_GENERATION)[0];
  };
  const state = () => groups.group("g")?.state;
  const pair = () => {
    const a = enter();
    sync(1, a.memberId, [a.memberId]);
    const b = enter();
    join(a.memberId);
    sync(2, a.memberId, [a.memberId, b.memberId]);
    sync(2, b.memberId);
    return [a.memberId, b.memberId] as const;
  };
  return { groups, time, journal, join, enter, sync, beat, commit, state, pair };
}
