import assert from "node:assert/strict";
import { test } from "node:test";
import { MephistoError } from "../../../src/core/errors.ts";
import { INTERVAL, MARGIN, Member, REBALANCE, SESSION } from "./harness.ts";

/** Without heartbeats, of which other tests tell. */
const rounds = (done: readonly string[]) => done.filter((name) => name !== "beat");

/** Time passes, and heartbeats are answered so. */
function passBeating(member: Member, ms: number, why?: "REBALANCE_IN_PROGRESS" | "ILLEGAL_GENERATION"): void {
  for (let passed = 0; passed < ms; passed += INTERVAL / 2) {
    const { length } = member.log;
    member.pass(INTERVAL / 2);
    if (!member.log.slice(length).includes("beat")) continue;
    if (why === undefined) member.feed({ type: "beaten", sent: member.asked("beat").sent });
    else member.refused("beat", why);
  }
}

test("it looks for the coordinator, joins, with the id that it is given, and syncs", () => {
  const member = new Member();
  assert.equal(member.machine.state, "pausing");
  member.feed({ type: "start" });
  member.found();
  assert.deepEqual([member.asked("join").memberId, member.asked("join").generation], ["", -1]);
  member.refused("join", "MEMBER_ID_REQUIRED");
  assert.equal(member.asked("join").memberId, "m");
  member.joined(1);
  assert.deepEqual([member.machine.state, member.machine.synced], ["syncing", false]);
  member.assigned();
  assert.deepEqual([member.machine.state, member.machine.synced], ["settled", true]);
  assert.deepEqual(member.log, ["find", "join", "join", "sync", "synced"]);
});

test("the leader syncs with its plan", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.joined(2, { leads: true });
  assert.deepEqual([member.machine.state, member.asked("plan").members], ["planning", "all"]);
  member.feed({ type: "planned", sent: member.asked("plan").sent, plan: "plan" });
  assert.equal(member.asked("sync").plan, "plan");
});

test("what changes while a round is under way is said in another one, once", () => {
  for (const state of ["joining", "planning", "syncing"]) {
    const member = Member.settled();
    const wish = (when: string) => {
      if (when === state) { for (const type of ["rejoin", "rejoin"] as const) member.feed({ type }); }
    };
    member.feed({ type: "rejoin" });
    wish("joining");
    member.joined(2, { leads: true });
    wish("planning");
    member.feed({ type: "planned", sent: member.asked("plan").sent, plan: "plan" });
    wish("syncing");
    assert.deepEqual(member.during(() => member.assigned()), ["synced", "join"], state);
    member.joined(3);
    assert.deepEqual(member.during(() => member.assigned()), ["synced"], state);
  }
});

test("it joins again when a rebalance is heard of, unless that is what it is doing", () => {
  const member = Member.settled();
  assert.deepEqual(member.during(() => member.beat("REBALANCE_IN_PROGRESS")), ["beat", "join", "beat"].slice(0, 2));
  assert.deepEqual(rounds(member.during(() => (member.clock.pass(30), member.beat("REBALANCE_IN_PROGRESS")))), []);
  member.joined(2);
  member.clock.pass(30);
  assert.deepEqual(
    rounds(member.during(() => member.beat("REBALANCE_IN_PROGRESS"))),
    [],
    "its SyncGroup is answered so",
  );
  assert.deepEqual(member.during(() => member.refused("sync", "REBALANCE_IN_PROGRESS")), ["join"]);
});

test("a generation that heartbeats hear of before the JoinGroup is answered is none that has removed it", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  assert.deepEqual(rounds(member.during(() => member.beat("ILLEGAL_GENERATION"))), []);
  assert.equal(member.lease.holds(), true);
  member.lost("join"); // it is asked again in a moment
  member.pass(200);
  member.found();
  assert.equal(member.asked("join").generation, 1);
  member.joined(3);
  member.assigned();
  member.clock.pass(30);
  assert.deepEqual(rounds(member.during(() => member.beat("ILLEGAL_GENERATION"))), ["removed", "join"]);
  assert.deepEqual([member.asked("join").memberId, member.asked("join").generation], ["m", -1]);
});

test("who is unknown to the group has the round of what it was given up, and joins as a stranger", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  assert.deepEqual(rounds(member.during(() => member.beat("UNKNOWN_MEMBER_ID"))), ["hangUp", "removed", "join"]);
  assert.equal(member.asked("join").memberId, "");
});

test("a JoinGroup that is parked is asked again over another connection, and of whom it is silent then", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  assert.deepEqual(rounds(member.during(() => passBeating(member, 1.25 * SESSION, "REBALANCE_IN_PROGRESS"))), []);
  assert.deepEqual(rounds(member.during(() => member.pass(20))), ["hangUp", "join"]);
  const done = member.during(() => passBeating(member, SESSION, "REBALANCE_IN_PROGRESS"));
  assert.ok(done.lastIndexOf("beat") <= 1, "the coordinator keeps it if it has the JoinGroup: it need not hear of it");
  assert.equal(member.machine.memberId, "m");
  assert.deepEqual(member.during(() => member.joined(2)), ["sync", "beat"]);
});

test("the first of a static member is not: the two would take its place from one another", () => {
  const member = new Member({ instanceId: "place" });
  member.feed({ type: "start" });
  member.found();
  assert.deepEqual(member.during(() => member.pass(REBALANCE)), []);
  assert.deepEqual(member.during(() => member.pass(2 * SESSION + 20)), ["hangUp", "join"]);
  const other = Member.settled({ instanceId: "place" });
  other.feed({ type: "heartbeatNow" });
  const { sent } = other.asked("beat");
  other.feed({ type: "heartbeatNow" });
  other.refused("beat", "UNKNOWN_MEMBER_ID");
  const late = { type: "lost", sent, error: new MephistoError("UNREACHABLE", "No answer.") } as const;
  assert.deepEqual(other.during(() => other.feed(late)), [], "nor by heartbeats of what it was");
});

test("but not who claims mastership: it is heard of for as long as the group has patience", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.machine.claim(1);
  const end = member.clock.monotonic() + REBALANCE - MARGIN;
  while (member.clock.monotonic() < end - INTERVAL) {
    passBeating(member, INTERVAL, "REBALANCE_IN_PROGRESS");
    member.machine.claim(1);
    assert.ok(member.lease.holds(), `at ${member.clock.monotonic()}`);
  }
});

test("an answer that has come in time may be read late, in a process that stood still", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.clock.pass(10 * SESSION);
  assert.deepEqual(rounds(member.during(() => member.feed({ type: "tick" }))), []);
  member.joined(2);
  assert.equal(member.machine.state, "syncing");
});

test("when heartbeats hear for half a session that the group has gone on, it joins over another connection", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  const first = rounds(member.during(() => passBeating(member, SESSION / 2, "ILLEGAL_GENERATION")));
  assert.deepEqual(first, []);
  assert.deepEqual(rounds(member.during(() => passBeating(member, INTERVAL, "ILLEGAL_GENERATION"))), [
    "hangUp",
    "join",
  ]);
});

test("and gives its place up after a session: the others wait for it, and for no stranger", () => {
  for (const instanceId of [undefined, "place"]) {
    const member = Member.settled(instanceId === undefined ? {} : { instanceId });
    member.feed({ type: "rejoin" });
    passBeating(member, SESSION, "ILLEGAL_GENERATION");
    const done = member.during(() => passBeating(member, INTERVAL, "ILLEGAL_GENERATION"));
    assert.deepEqual(rounds(done).slice(-4), ["leave", "hangUp", "removed", "join"]);
    assert.deepEqual([member.lease.holds(), member.asked("join").memberId], [false, ""]);
  }
});

test("so does a leader whose plan does not come through, however its requests get lost", () => {
  const member = Member.settled();
  const done = member.during(() => {
    member.feed({ type: "rejoin" });
    while (member.machine.memberId === "m") {
      if (member.machine.state === "joining") member.joined(2, { leads: true });
      if (member.machine.state === "planning") {
        member.feed({ type: "planned", sent: member.asked("plan").sent, plan: "plan" });
        member.lost("sync", "PROTOCOL");
      }
      passBeating(member, INTERVAL);
    }
  });
  assert.deepEqual(rounds(done).slice(-4), ["leave", "hangUp", "removed", "join"]);
});

test("a follower that waits for the leader's plan does not", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.joined(2);
  assert.deepEqual(rounds(member.during(() => passBeating(member, 1.4 * SESSION))), []);
});

test("nor does a leader that is at it, nor one whose last round was not lost", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.joined(2, { leads: true });
  assert.deepEqual(rounds(member.during(() => passBeating(member, 3 * SESSION))), []);
  member.feed({ type: "planned", sent: member.asked("plan").sent, plan: "plan" });
  member.assigned();
  for (let n = 3; n < 6; n++) {
    member.feed({ type: "rejoin" });
    passBeating(member, SESSION / 2, "ILLEGAL_GENERATION");
    member.joined(n);
    member.assigned();
  }
  assert.equal(member.log.includes("leave"), false);
});

test("what heartbeats hear now and then is no sign", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  for (let n = 0; n < 8; n++) {
    passBeating(member, INTERVAL / 2, "ILLEGAL_GENERATION");
    passBeating(member, INTERVAL, "REBALANCE_IN_PROGRESS");
  }
  assert.equal(member.log.includes("leave"), false);
});

test("another's SyncGroup is waited for until the leader's silence is over, and asked again with the next round", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.joined(2);
  for (let n = 0; n < 3; n++) {
    assert.deepEqual(rounds(member.during(() => passBeating(member, 1.5 * SESSION))), []);
    assert.deepEqual(rounds(member.during(() => passBeating(member, INTERVAL))), ["hangUp", "join"]);
    member.joined(2); // it is in that generation already
  }
});

test("a coordinator that does not answer is looked for, and what was under way begins again", () => {
  const member = Member.settled();
  member.feed({ type: "heartbeatNow" });
  assert.deepEqual(member.during(() => member.lost("beat")), ["unreachable", "forget", "find"]);
  assert.deepEqual(member.during(() => member.lost("find", "PROTOCOL")), ["unreachable"]);
  assert.deepEqual(member.during(() => member.pass(150)), ["find"]);
  assert.deepEqual(member.during(() => member.found()).filter((name) => name !== "beat"), [], "it is still a member");
  assert.equal(member.machine.state, "settled");
  member.feed({ type: "rejoin" });
  assert.deepEqual(member.during(() => member.lost("join")), ["unreachable", "forget"]);
  assert.deepEqual(member.during(() => member.pass(250)), ["find"]);
  assert.deepEqual(rounds(member.during(() => member.found())), ["join"]);
});

test("what is wished for while the coordinator is looked for is done when it is found", () => {
  const member = Member.settled();
  member.feed({ type: "heartbeatNow" });
  member.lost("beat");
  member.feed({ type: "rejoin" });
  assert.deepEqual(rounds(member.during(() => member.found())), ["join"]);
});

test("one that is another now is looked for too, and the lease is over until it is found", () => {
  const member = Member.settled();
  assert.deepEqual(member.during(() => member.beat("NOT_COORDINATOR")), ["beat", "unreachable", "forget", "find"]);
  assert.equal(member.lease.holds(), false);
  member.found();
  member.clock.pass(30);
  member.beat();
  assert.equal(member.lease.holds(), true);
});

test("a refusal for a reason of its own is tried again, each time a while later, and heartbeats go on", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  const pauses = [];
  for (let n = 0; n < 5; n++) {
    assert.deepEqual(member.during(() => member.refused("join", "OTHER")), ["unreachable"]);
    const since = member.clock.monotonic();
    while (member.machine.state === "pausing") member.pass(10);
    pauses.push(member.clock.monotonic() - since);
  }
  assert.deepEqual(pauses, [100, 200, 400, 800, 1000]);
  assert.ok(member.log.includes("beat"));
});

test("who cannot be a member has failed for good", () => {
  const member = Member.settled();
  assert.deepEqual(rounds(member.during(() => member.beat("FATAL"))), [
    ...["resigned", "yielded", "forget", "removed", "failed"],
  ]);
  assert.deepEqual([member.machine.state, member.machine.isOver, member.machine.dueAt], ["failed", true, undefined]);
  assert.deepEqual(member.during(() => member.feed({ type: "rejoin" })), []);
});

test("who leaves tells the group, unless its place is kept, and holds nothing from then on", () => {
  for (const instanceId of [undefined, "place"]) {
    const member = Member.settled(instanceId === undefined ? {} : { instanceId });
    const done = member.during(() => member.feed({ type: "leave" }));
    assert.deepEqual(done, ["resigned", "yielded", "hangUp", ...(instanceId === undefined ? ["leave"] : [])]);
    const { memberId, generation, synced, dueAt } = member.machine;
    assert.deepEqual([member.lease.holds(), memberId, generation, synced, dueAt], [false, "", -1, false, undefined]);
  }
});

test("who leaves while its first JoinGroup is under way is no member when that is answered", () => {
  const member = new Member();
  member.feed({ type: "start" });
  member.found();
  member.feed({ type: "leave" });
  assert.deepEqual(member.during(() => member.joined(1)), []);
  assert.deepEqual([member.machine.memberId, member.lease.holds()], ["", false]);
});

test("heartbeats are counted from one sending to the next, and one that has a reason is sent twice at once", () => {
  const member = Member.settled();
  assert.deepEqual(member.during(() => member.pass(INTERVAL - 1)), []);
  assert.deepEqual(member.during(() => member.pass(1)), ["beat"]);
  member.clock.pass(INTERVAL - 10);
  const { sent } = member.asked("beat");
  assert.deepEqual(member.during(() => member.feed({ type: "heartbeatNow" })), ["beat"], "also while one is under way");
  assert.deepEqual(member.during(() => member.feed({ type: "beaten", sent })), []);
  member.clock.pass(7);
  assert.deepEqual(member.during(() => member.feed({ type: "beaten", sent: member.asked("beat").sent })), []);
  assert.deepEqual(member.during(() => member.pass(25)), ["beat"]);
  member.feed({ type: "beaten", sent: member.asked("beat").sent });
  assert.deepEqual(member.during(() => member.pass(INTERVAL - 1)), []);
  assert.deepEqual(member.during(() => member.pass(1)), ["beat"]);
});

test("an answer that is read late puts the next one off by nothing", () => {
  const member = Member.settled();
  member.pass(INTERVAL);
  member.clock.pass(300);
  member.feed({ type: "beaten", sent: member.asked("beat").sent });
  assert.deepEqual(member.during(() => member.pass(INTERVAL - 301)), []);
  assert.deepEqual(member.during(() => member.pass(1)), ["beat"]);
});

test("the first heartbeat comes after the JoinGroup, and before the SyncGroup is answered", () => {
  const member = new Member();
  member.feed({ type: "start" });
  member.found();
  assert.deepEqual(member.during(() => member.pass(3 * INTERVAL)), []);
  assert.deepEqual(member.during(() => member.joined(1)), ["sync", "beat"]);
});
