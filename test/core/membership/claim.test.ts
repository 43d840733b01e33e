import assert from "node:assert/strict";
import { test } from "node:test";
import { Member, SESSION } from "./harness.ts";

const eligible = (member: Member) => member.asked("join").eligible;

/** Another round, of which the leader says this. */
function round(member: Member, generation: number, elected: { master?: string; leaseGraceMs?: number } = {}): void {
  if (member.machine.state === "settled") member.feed({ type: "rejoin" });
  member.joined(generation);
  member.assigned(elected);
}

test("a static member inherits the mastership of whom it replaces, and waits a session from its SyncGroup on", () => {
  const member = new Member({ instanceId: "place" });
  const { clock, machine } = member;
  member.feed({ type: "start" });
  member.found();
  assert.equal(member.asked("join").leaseGraceMs, SESSION, "before it has joined it may have replaced anybody");
  member.joined(7);
  clock.pass(150);
  const sentAt = member.asked("sync").sent.at.monotonic;
  const done = member.during(() => member.assigned({ master: "predecessor", instanceId: "place" }));
  assert.deepEqual(done, ["synced", "join"], "it joins again, to say so");
  const synced = member.effects.find((effect) => effect.do === "synced");
  assert.equal(synced?.notBefore, sentAt + SESSION);
  assert.equal(member.asked("join").leaseGraceMs, SESSION - 150);
  assert.equal(machine.claim(0), 7, "it claims what the predecessor held");
  member.joined(8);
  assert.equal(machine.claim(0), 7, "as long as the group has not decided");
  member.assigned({ master: "me", instanceId: "place" });
  assert.deepEqual([machine.state, machine.claim(0), machine.claim(8)], ["settled", 0, 8]);
});

test("so does one that was put out of its place meanwhile, and takes it back", () => {
  const member = Member.settled({ instanceId: "place" });
  member.clock.pass(3 * SESSION);
  member.beat("UNKNOWN_MEMBER_ID");
  member.joined(7, { memberId: "n" });
  member.clock.pass(50);
  const sentAt = member.asked("sync").sent.at.monotonic;
  member.assigned({ master: "other", instanceId: "place" });
  assert.equal(member.effects.findLast((effect) => effect.do === "synced")?.notBefore, sentAt + SESSION);
});

test("whoever else is master leaves it no mastership, and who is removed has inherited nothing", () => {
  for (const [master, instanceId] of [["other", "elsewhere"], ["other", ""], ["", ""], ["me", "place"]] as const) {
    const member = Member.settled({ instanceId: "place" });
    member.feed({ type: "rejoin" });
    member.joined(2);
    const done = member.during(() => member.assigned({ master, instanceId }));
    assert.deepEqual([done, member.machine.claim(0)], [["synced"], 0], `${master} ${instanceId}`);
  }
  const member = Member.settled({ instanceId: "place" });
  member.feed({ type: "rejoin" });
  member.joined(2);
  member.assigned({ master: "predecessor", instanceId: "place" });
  assert.equal(member.machine.claim(0), 2);
  member.refused("join", "ILLEGAL_GENERATION");
  assert.equal(member.machine.claim(0), 0);
});

test("a member without a place of its own inherits nothing", () => {
  const member = Member.settled();
  round(member, 2, { master: "other" });
  member.feed({ type: "rejoin" });
  assert.deepEqual([member.machine.claim(0), member.asked("join").leaseGraceMs], [0, 0]);
});

test("what another asks all to wait it waits too, and a shorter time later does not shorten it", () => {
  const member = Member.settled();
  round(member, 2, { leaseGraceMs: 4000 });
  member.clock.pass(1000);
  round(member, 3, { leaseGraceMs: 100 });
  member.feed({ type: "rejoin" });
  assert.equal(member.asked("join").leaseGraceMs, 3000);
});

test("who claims waits no longer for hearing from the group what it has asked itself", () => {
  const member = new Member({ instanceId: "place" });
  member.feed({ type: "start" });
  member.found();
  member.joined(7);
  member.assigned({ master: "predecessor", instanceId: "place" });
  member.machine.claim(0);
  const { leaseGraceMs } = member.asked("join");
  member.clock.pass(400);
  member.joined(8);
  member.assigned({ master: "me", instanceId: "place", leaseGraceMs });
  member.feed({ type: "rejoin" });
  assert.equal(member.asked("join").leaseGraceMs, SESSION - 400);
});

test("nor does a session that it waits itself, where others have longer ones", () => {
  const member = Member.settled();
  round(member, 2, { leaseGraceMs: 5 * SESSION });
  member.pass(1000);
  member.refused("beat", "UNKNOWN_MEMBER_ID");
  assert.equal(member.asked("join").leaseGraceMs, 5 * SESSION - 1000);
});

test("a static member that has just joined waits a session, whomever it has replaced, and no longer", () => {
  const member = Member.settled({ instanceId: "place" });
  member.clock.pass(1000);
  member.feed({ type: "rejoin" });
  assert.equal(member.asked("join").leaseGraceMs, SESSION - 1000);
  member.clock.pass(SESSION);
  round(member, 2);
  member.feed({ type: "rejoin" });
  assert.equal(member.asked("join").leaseGraceMs, 0);
});

test("a static member takes its place back, once, from a JoinGroup of its own that came late", () => {
  const member = new Member({ instanceId: "place" });
  member.feed({ type: "start" });
  member.found();
  member.lost("join", "PROTOCOL");
  member.pass(1000);
  member.joined(1);
  member.assigned();
  const done = member.during(() => member.beat("FENCED"));
  assert.deepEqual(done.filter((name) => name !== "beat"), ["removed", "join"]);
  assert.equal(member.asked("join").memberId, "");
  member.joined(2, { memberId: "n" });
  member.assigned();
  member.beat("FENCED");
  assert.equal(member.machine.state, "failed", "the second time it is another worker");
});

test("a static member that has lost no JoinGroup of its own is fenced by another worker", () => {
  const member = Member.settled({ instanceId: "place" });
  member.beat("FENCED");
  assert.equal(member.machine.state, "failed");
  const late = new Member({ instanceId: "place" });
  late.feed({ type: "start" });
  late.found();
  late.lost("join", "PROTOCOL");
  late.pass(1000);
  late.joined(1);
  late.assigned();
  late.pass(8 * SESSION);
  late.beat("FENCED");
  assert.equal(late.machine.state, "failed", "long after it nothing can have come late");
});

test("who stands down says so, and stands again when another has been elected in a generation that knew", () => {
  const member = Member.settled();
  assert.deepEqual(member.during(() => member.feed({ type: "yield" })), ["join"]);
  assert.equal(eligible(member), false);
  assert.deepEqual(member.during(() => round(member, 2)), ["sync", "synced"], "nobody is master: it is still down");
  assert.deepEqual(member.during(() => round(member, 3, { master: "other" })), ["join", "sync", "synced", "yielded"]);
  member.feed({ type: "rejoin" });
  assert.equal(eligible(member), true);
});

test("a generation that was joined before it stood down does not know, whoever it elects", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.feed({ type: "yield" });
  assert.equal(eligible(member), true);
  member.joined(2);
  assert.deepEqual(member.during(() => member.assigned({ master: "other" })), ["synced", "join"]);
  assert.equal(eligible(member), false);
  assert.deepEqual(member.during(() => round(member, 3, { master: "me" })), ["sync", "synced"]);
});

test("when a session has passed in which nobody else could be elected it stands again, and says so at once", () => {
  const member = Member.settled();
  member.feed({ type: "yield" });
  round(member, 2);
  assert.equal(member.during(() => member.pass(SESSION - 1)).includes("yielded"), false);
  const done = member.during(() => member.pass(1));
  assert.deepEqual(done.filter((name) => name !== "beat"), ["yielded", "join"]);
  assert.equal(eligible(member), true);
});

test("who resigns never stands again, and hears of it when a generation knows, whoever is master", () => {
  const member = Member.settled();
  member.feed({ type: "yield" });
  assert.deepEqual(member.during(() => member.feed({ type: "resign" })), ["yielded"]);
  assert.deepEqual(member.during(() => round(member, 2)), ["sync", "synced", "resigned", "join"]);
  assert.equal(eligible(member), false);
  assert.deepEqual(member.during(() => round(member, 3)), ["sync", "synced"]);
  assert.deepEqual(member.during(() => member.feed({ type: "resign" })), ["resigned"]);
  assert.deepEqual(member.during(() => member.feed({ type: "yield" })), ["yielded"]);
  member.pass(2 * SESSION);
  member.feed({ type: "rejoin" });
  assert.equal(eligible(member), false);
});

test("a generation that was joined before it resigned does not know", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.feed({ type: "resign" });
  member.joined(2);
  assert.deepEqual(member.during(() => member.assigned()), ["synced", "join"]);
  assert.deepEqual(member.during(() => round(member, 3)), ["sync", "synced", "resigned"]);
});

test("who may not be master never stands", () => {
  const member = Member.settled({ mayBeMaster: false });
  assert.equal(eligible(member), false);
  member.feed({ type: "yield" });
  member.pass(2 * SESSION);
  assert.equal(eligible(member), false);
});

test("whoever asks a master to go names it: the next one is not meant", () => {
  const member = Member.settled();
  round(member, 2, { master: "first" });
  assert.equal(member.asked("join").asksToYield, "");
  member.feed({ type: "askToResign" });
  round(member, 3, { master: "second" });
  member.feed({ type: "rejoin" });
  assert.equal(member.asked("join").asksToYield, "first");
});

test("who drains says so from the next round on, and stands as before", () => {
  const member = Member.settled();
  assert.deepEqual(member.during(() => member.feed({ type: "drain" })), []);
  member.feed({ type: "rejoin" });
  assert.deepEqual([member.asked("join").draining, eligible(member)], [true, true]);
});
