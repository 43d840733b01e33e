import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberError } from "../../../src/core/membership/messages.ts";
import { leaseTerms } from "../../../src/core/membership/terms.ts";
import { MARGIN, Member, REBALANCE, SESSION } from "./harness.ts";

test("the lease is counted from when a heartbeat was sent, a JoinGroup or a SyncGroup, and not from the answer", () => {
  const member = new Member();
  const { clock, lease } = member;
  member.feed({ type: "start" });
  member.found();
  member.joined(1);
  clock.pass(800);
  member.assigned();
  assert.equal(lease.left(), SESSION - MARGIN - 800);
  member.feed({ type: "rejoin" });
  clock.pass(700);
  member.joined(2);
  assert.equal(lease.left(), SESSION - MARGIN - 700);
  member.assigned();
  clock.pass(10);
  member.beat(undefined, 900);
  assert.equal(lease.left(), SESSION - MARGIN - 900);
});

test("heartbeats answered REBALANCE_IN_PROGRESS keep the lease up to the rebalance timeout and no further", () => {
  const member = Member.settled();
  const { clock, lease } = member;
  member.machine.claim(1);
  const end = clock.monotonic() + REBALANCE - MARGIN;
  for (; clock.monotonic() < end; clock.pass(500)) {
    member.beat("REBALANCE_IN_PROGRESS"); // the JoinGroup does not come through
    assert.equal(lease.holds(), true, `at ${clock.monotonic()}`);
  }
  member.beat("REBALANCE_IN_PROGRESS");
  assert.equal(lease.holds(), false);
});

test("a JoinGroup alone gives no lease", () => {
  const member = new Member();
  member.feed({ type: "start" });
  member.found();
  member.joined(1);
  assert.equal(member.lease.holds(), false);
  member.assigned();
  assert.equal(member.lease.holds(), true);
});

test("those answered without error in a generation that is not synced do the same, also if it is joined again", () => {
  const member = Member.settled();
  const { clock, lease } = member;
  const end = clock.monotonic() + REBALANCE - MARGIN;
  for (; clock.monotonic() < end; clock.pass(500)) {
    member.feed({ type: "rejoin" });
    if (member.machine.state === "syncing") member.refused("sync", "REBALANCE_IN_PROGRESS");
    member.joined(2); // answered at once with the generation that is there: it is to be synced within the same time
    member.beat();
    assert.equal(lease.holds(), true, `at ${clock.monotonic()}`);
  }
  member.beat();
  assert.equal(lease.holds(), false);
});

test("a heartbeat that was sent before the generation was synced does not prove it either", () => {
  const member = Member.settled();
  member.feed({ type: "rejoin" });
  member.joined(2);
  member.clock.pass(REBALANCE - MARGIN - 1); // the lease is nearly over by the proof
  member.feed({ type: "heartbeatNow" });
  const { sent } = member.asked("beat");
  member.assigned();
  member.lease.end();
  member.feed({ type: "beaten", sent });
  assert.equal(member.lease.holds(), false);
});

test("heartbeats of a settled generation prove it for ever", () => {
  const member = Member.settled();
  for (let n = 0; n < 100; n++, member.clock.pass(1000)) {
    member.beat();
    assert.equal(member.lease.left(), SESSION - MARGIN);
  }
});

const errors: readonly MemberError[] = [
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "NOT_COORDINATOR",
  "FENCED",
  "FATAL",
  "OTHER",
];
for (const error of errors) {
  for (const request of ["join", "sync", "beat"] as const) {
    test(`${error} to a ${request} ends the lease at once`, () => {
      const member = Member.settled();
      member.beat();
      if (request !== "beat") member.feed({ type: "rejoin" });
      if (request === "sync") member.joined(2);
      assert.equal(member.lease.holds(), true);
      const done = member.during(() => request === "beat" ? member.beat(error) : member.refused(request, error));
      assert.equal(member.lease.holds(), false);
      const isNobody = error === "UNKNOWN_MEMBER_ID" || error === "FENCED" || error === "FATAL";
      assert.equal(member.machine.memberId, isNobody ? "" : "m");
      const isOut = isNobody || error === "ILLEGAL_GENERATION";
      const generation = isOut ? -1 : request === "sync" ? 2 : 1;
      assert.deepEqual([member.machine.generation, done.includes("removed")], [generation, isOut]);
    });
  }
}

test("whatever is answered to what it was before counts for nothing, be it good or bad", () => {
  for (const error of [undefined, "REBALANCE_IN_PROGRESS", ...errors] as const) {
    for (const change of ["another generation", "another id", "no member", "left"]) {
      for (const request of ["join", "sync", "beat"] as const) {
        const member = Member.settled();
        if (request !== "beat") member.feed({ type: "rejoin" });
        if (request === "sync") member.joined(2);
        if (request === "beat") member.feed({ type: "heartbeatNow" });
        const { sent } = member.asked(request);
        member.clock.pass(1000);
        // What it is changes by what another request is answered.
        if (request === "beat") member.feed({ type: "rejoin" });
        else member.feed({ type: "heartbeatNow" });
        const other = request === "beat" ? "join" : "beat";
        const gone = () => member.refused(other, "UNKNOWN_MEMBER_ID");
        if (change === "another generation" && request === "beat") member.joined(3), member.assigned();
        if (change === "another id") gone(), member.joined(1, { memberId: "n" }), member.assigned();
        if (change === "no member") gone();
        if (change === "left") member.feed({ type: "leave" });
        if (change === "another generation" && request !== "beat") continue; // it comes by the answer alone
        const { memberId, generation, state } = member.machine;
        const left = member.lease.left();
        const done = member.during(() => {
          if (error !== undefined) member.refused(request, error, sent);
          else if (request === "join") member.joined(9, { sent });
          else if (request === "sync") member.assigned({}, sent);
          else member.feed({ type: "beaten", sent });
        });
        const which = `${request}: ${error} after ${change}`;
        assert.deepEqual(done.filter((name) => name !== "beat"), [], which);
        assert.equal(member.lease.left(), left, which);
        assert.deepEqual(
          [member.machine.memberId, member.machine.generation, member.machine.state],
          [memberId, generation, state],
          which,
        );
      }
    }
  }
});

test("who is unknown though it was heard of waits a session: the group has lost its state", () => {
  const member = Member.settled();
  member.clock.pass(1000);
  member.beat("UNKNOWN_MEMBER_ID");
  assert.equal(member.asked("join").leaseGraceMs, SESSION);
  const silent = Member.settled();
  silent.clock.pass(SESSION);
  silent.beat("UNKNOWN_MEMBER_ID");
  assert.equal(silent.asked("join").leaseGraceMs, 0);
});

test("also where another error has ended its lease before", () => {
  const member = Member.settled();
  member.clock.pass(1000);
  member.beat("OTHER");
  member.clock.pass(30);
  member.beat("UNKNOWN_MEMBER_ID");
  assert.equal(member.asked("join").leaseGraceMs, SESSION);
});

test("a machine that stood still, as only its third clock shows, has no lease until it is answered again", () => {
  const member = Member.settled();
  const { clock, lease } = member;
  clock.at = { ...clock.at, boot: 5 };
  member.beat();
  assert.equal(lease.holds(), true);
  clock.at = { ...clock.at, boot: 5 + SESSION };
  assert.equal(lease.holds(), false);
  clock.pass(30);
  member.beat(undefined, 5);
  assert.equal(lease.left(), SESSION - MARGIN - 5);
});

test("a short session's lease ends half a second early too, a long one's a twelfth", () => {
  assert.deepEqual([3000, 6000, 60_000].map((session) => leaseTerms(session).margin), [500, 500, 5000]);
  assert.equal(leaseTerms(3000).rebalance, 15_000);
});
