import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "../../../src/wire/error-codes.ts";
import { isParked, REBALANCE, SESSION_MS, setting } from "../../support/groups.ts";

const HOUR = 3_600_000;

test("a member that never syncs is answered 0 until it is removed at the rebalance timeout", () => {
  const { enter, beat, time } = setting();
  const { memberId } = enter();
  for (let at = 0; at < REBALANCE - 1000; at += 1000) {
    assert.equal(beat(1, memberId), Code.NONE);
    time.advance(1000);
  }
  assert.equal(beat(1, memberId), Code.NONE);
  time.advance(1000);
  assert.equal(beat(1, memberId), Code.UNKNOWN_MEMBER_ID);
});

test("a member that heartbeats on 27 without rejoining is removed exactly at the rebalance timeout", () => {
  const { enter, sync, beat, time, state } = setting();
  const a = enter();
  sync(1, a.memberId, [a.memberId]);
  const b = enter();
  for (let at = 0; at < REBALANCE - 1000; at += 1000) {
    assert.equal(beat(1, a.memberId), Code.REBALANCE_IN_PROGRESS);
    time.advance(1000);
  }
  time.advance(999);
  assert.ok(isParked(b.joined));
  assert.equal(beat(1, a.memberId), Code.REBALANCE_IN_PROGRESS);
  time.advance(1);
  assert.equal(b.joined.answer?.leader, b.memberId);
  assert.equal(b.joined.answer?.generationId, 2);
  assert.equal(beat(1, a.memberId), Code.UNKNOWN_MEMBER_ID);
  assert.equal(state(), "CompletingRebalance");
});

test("a parked JoinGroup is not expired by its session, but a silent member is", () => {
  const { pair, join, groups, time } = setting();
  const [a, b] = pair();
  const parked = join(a, { said: "again" });
  time.advance(SESSION_MS - 1);
  assert.equal(groups.group("g")?.members.has(b), true);
  time.advance(1); // b is silent: its session ends, and the round is over
  assert.equal(groups.group("g")?.members.has(b), false);
  assert.equal(parked.answer?.generationId, 3);
});

test("an id that its member does not come back with is forgotten after a session", () => {
  const { join, groups, time } = setting();
  const { answer } = join("");
  assert.equal(answer?.errorCode, Code.MEMBER_ID_REQUIRED);
  time.advance(SESSION_MS);
  assert.equal(groups.group("g")?.pendingMembers.size, 0);
  assert.equal(join(answer?.memberId ?? "").answer?.errorCode, Code.UNKNOWN_MEMBER_ID);
});

test("a pending member holds up a rebalance until its session ends", () => {
  const { enter, sync, join, time } = setting();
  const a = enter();
  sync(1, a.memberId, [a.memberId]);
  join("");
  const again = join(a.memberId, { said: "new" });
  time.advance(SESSION_MS - 1);
  assert.ok(isParked(again));
  time.advance(1);
  assert.equal(again.answer?.generationId, 2);
});

test("a follower that rejoins unchanged starts no rebalance; the leader, or changed bytes, do", () => {
  const { pair, join, state } = setting();
  const [a, b] = pair();
  assert.equal(join(b).answer?.generationId, 2);
  assert.equal(state(), "Stable");
  join(b, { said: "changed" });
  assert.equal(state(), "PreparingRebalance");
  const other = setting();
  const [leader] = other.pair();
  other.join(leader);
  assert.equal(other.state(), "PreparingRebalance");
  assert.equal(a, leader);
});

test("followers wait for the leader's SyncGroup, and hear 27 when its session ends first", () => {
  const { enter, sync, join, time, state } = setting();
  const a = enter();
  sync(1, a.memberId, [a.memberId]);
  const b = enter();
  join(a.memberId);
  const parked = sync(2, b.memberId);
  time.advance(SESSION_MS - 1);
  assert.ok(isParked(parked));
  time.advance(1);
  assert.equal(parked.answer?.errorCode, Code.REBALANCE_IN_PROGRESS);
  assert.equal(state(), "PreparingRebalance");
});

test("commits: the old generation until the round is over, the new one only after its SyncGroup", () => {
  const { enter, sync, join, commit } = setting();
  const a = enter();
  sync(1, a.memberId, [a.memberId]);
  const b = enter();
  assert.equal(commit(1, a.memberId), Code.NONE);
  join(a.memberId);
  assert.equal(commit(1, a.memberId), Code.ILLEGAL_GENERATION);
  assert.equal(commit(2, b.memberId), Code.REBALANCE_IN_PROGRESS);
  sync(2, a.memberId, [a.memberId, b.memberId]);
  assert.equal(commit(2, b.memberId), Code.NONE);
  assert.equal(commit(-1, ""), Code.UNKNOWN_MEMBER_ID);
});

test("a commit keeps the session, as a heartbeat does", () => {
  const { pair, commit, beat, time } = setting();
  const [a] = pair();
  time.advance(SESSION_MS - 1);
  commit(2, a);
  time.advance(SESSION_MS - 1);
  assert.equal(beat(2, a), Code.REBALANCE_IN_PROGRESS); // the other has gone, this one has not
});

test("no more members than the maximum", () => {
  const { enter, sync } = setting({ maxSize: 1 });
  const a = enter();
  sync(1, a.memberId, [a.memberId]);
  assert.equal(enter().joined.answer?.errorCode, Code.GROUP_MAX_SIZE_REACHED);
});

test("the initial delay is waited again while members keep coming", () => {
  const { join, time } = setting({ initialRebalanceDelayMs: 3000 });
  const first = join("", { requiresKnownMemberId: false });
  time.advance(2000);
  const second = join("", { requiresKnownMemberId: false });
  time.advance(3999);
  assert.ok(isParked(first));
  time.advance(1);
  assert.equal(first.answer?.members.length, 2);
  assert.equal(second.answer?.generationId, 1);
});

test("offsets of a topic that is subscribed to do not expire; others do, and an empty group's", () => {
  const { enter, sync, commit, beat, groups, time } = setting({ offsetsRetentionMs: HOUR });
  const a = enter();
  sync(1, a.memberId, [a.memberId]);
  commit(1, a.memberId, 1, "t");
  commit(1, a.memberId, 1, "left");
  for (let at = 0; at < 2 * HOUR; at += 5000) {
    time.advance(5000);
    beat(1, a.memberId);
  }
  assert.deepEqual(groups.offsets("g")?.committed.topics(), ["t"]);
  groups.leave("g", [{ memberId: a.memberId, groupInstanceId: null }]);
  time.advance(HOUR / 2);
  assert.deepEqual(groups.offsets("g")?.committed.topics(), ["t"]);
  time.advance(HOUR);
  assert.equal(groups.group("g"), undefined);
});

test("offsets do not outlive their topic", () => {
  const { commit, groups } = setting();
  commit(-1, "", 5);
  groups.topicDeleted("t");
  assert.equal(groups.offsets("g")?.committed.get("t", 0), undefined);
});

test("after a restart generation, members and offsets are there, and sessions begin anew", () => {
  const { pair, commit, journal, time, groups } = setting();
  const [a, b] = pair();
  commit(2, a, 42);
  groups.stop();
  time.advance(HOUR);
  const again = setting({}, journal, time);
  assert.equal(again.beat(2, a), Code.NONE);
  assert.equal(again.groups.offsets("g")?.committed.get("t", 0)?.offset, 42);
  assert.equal(again.groups.group("g")?.leaderId, a);
  assert.deepEqual(again.sync(2, b).answer?.assignment, new TextEncoder().encode(b));
  time.advance(SESSION_MS - 1);
  again.beat(2, a);
  time.advance(1);
  assert.equal(again.beat(2, b), Code.UNKNOWN_MEMBER_ID);
  assert.equal(again.beat(2, a), Code.REBALANCE_IN_PROGRESS);
});
