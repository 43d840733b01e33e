import assert from "node:assert/strict";
import { test } from "node:test";
import { leaseTerms, type MemberError, MemberLease, type Sent } from "../../src/core/member-lease.ts";
import { StillClock } from "./fakes.ts";

const SESSION = 6000;
const REBALANCE = 30_000;
const MARGIN = 500;
const nobody = { master: "", instanceId: "", patience: 0 };

function made(instanceId?: string) {
  const clock = new StillClock(100_000, 1_000_000);
  const member = new MemberLease(leaseTerms(SESSION), { incarnation: "me", instanceId }, clock);
  const { lease } = member;
  /** Something is sent, and answered so much later. */
  const after = <T>(ms: number, heard: (sent: Sent) => T): T => {
    const sent = member.sending();
    clock.pass(ms);
    return heard(sent);
  };
  const join = (generation: number, memberId = "m") =>
    after(0, (sent) => member.joined(sent, undefined, { memberId, generation }));
  const sync = () => after(0, (sent) => member.syncAnswered(sent, undefined));
  const beat = (error?: MemberError, ms = 0) => after(ms, (sent) => member.heartbeat(sent, error));
  return { clock, member, lease, after, join, sync, beat };
}

/** In generation 1, which is synced. */
function settled(instanceId?: string) {
  const parts = made(instanceId);
  parts.join(1);
  parts.sync();
  return parts;
}

test("the lease is counted from when a heartbeat was sent, a JoinGroup or a SyncGroup, and not from the answer", () => {
  const { clock, member, lease, after, join, beat } = made();
  join(1);
  after(800, (sent) => member.syncAnswered(sent, undefined));
  assert.equal(lease.left(), SESSION - MARGIN - 800);
  after(700, (sent) => member.joined(sent, undefined, { memberId: "m", generation: 2 }));
  assert.equal(lease.left(), SESSION - MARGIN - 700);
  after(0, (sent) => member.syncAnswered(sent, undefined));
  clock.pass(10);
  assert.equal(beat(undefined, 900), "good");
  assert.equal(lease.left(), SESSION - MARGIN - 900);
});

test("heartbeats answered REBALANCE_IN_PROGRESS keep the lease up to the rebalance timeout and no further", () => {
  const { clock, member, lease, beat } = settled();
  member.joining = true; // the JoinGroup does not come through
  const end = clock.monotonic() + REBALANCE - MARGIN;
  for (; clock.monotonic() < end; clock.pass(500)) {
    beat("REBALANCE_IN_PROGRESS");
    assert.equal(lease.holds(), true, `at ${clock.monotonic()}`);
  }
  beat("REBALANCE_IN_PROGRESS");
  assert.equal(lease.holds(), false);
});

test("a JoinGroup alone gives no lease", () => {
  const { lease, join, sync } = made();
  join(1);
  assert.equal(lease.holds(), false);
  sync();
  assert.equal(lease.holds(), true);
});

test("so do those that are answered without error in a generation that is not synced, also if it is joined again", () => {
  const { clock, lease, join, beat } = settled();
  const end = clock.monotonic() + REBALANCE - MARGIN;
  for (; clock.monotonic() < end; clock.pass(500)) {
    join(2); // answered at once with the generation that is there: it is to be synced within the same time
    assert.equal(beat(), "good");
    assert.equal(lease.holds(), true, `at ${clock.monotonic()}`);
  }
  beat();
  assert.equal(lease.holds(), false);
});

test("a heartbeat that was sent before the generation was synced does not prove it either", () => {
  const { clock, member, lease, after, join, sync } = settled();
  join(2);
  clock.pass(REBALANCE - MARGIN - 1); // the lease is nearly over by the proof
  after(0, (sent) => {
    sync();
    lease.end();
    member.heartbeat(sent, undefined);
  });
  assert.equal(lease.holds(), false);
});

test("heartbeats of a settled generation prove it for ever", () => {
  const { clock, lease, beat } = settled();
  for (let n = 0; n < 100; n++, clock.pass(1000)) {
    beat();
    assert.equal(lease.left(), SESSION - MARGIN);
  }
});

const errors: readonly (readonly [MemberError, string])[] = [
  ["UNKNOWN_MEMBER_ID", "expelled"],
  ["ILLEGAL_GENERATION", "expelled"],
  ["OTHER", "refused"],
];
for (const [error, verdict] of errors) {
  for (const request of ["JoinGroup", "SyncGroup", "Heartbeat"]) {
    test(`${error} to a ${request} ends the lease at once`, () => {
      const { member, lease, after, beat } = settled();
      assert.equal(lease.holds(), true);
      const heard = request === "Heartbeat"
        ? beat(error)
        : after(0, (sent) =>
          request === "SyncGroup"
            ? member.syncAnswered(sent, error)
            : member.joined(sent, error, { memberId: "", generation: -1 }));
      assert.equal(heard, verdict);
      assert.equal(lease.holds(), false);
      assert.equal(member.memberId, error === "UNKNOWN_MEMBER_ID" ? "" : "m");
      assert.deepEqual(
        [member.generation, member.synced],
        error === "OTHER" ? [1, true] : [-1, false],
      );
    });
  }
}

test("whatever is answered to what it was before counts for nothing, be it good or bad", () => {
  const answers = [undefined, "REBALANCE_IN_PROGRESS", ...errors.map(([error]) => error)] as const;
  for (const error of answers) {
    for (const change of ["another generation", "another id", "no member", "left"]) {
      const { member, lease, after, join, sync } = settled();
      let left = 0;
      const verdicts = after(1000, (sent) => {
        if (change === "another generation") join(2), sync();
        if (change === "another id") member.heartbeat(sent, "UNKNOWN_MEMBER_ID"), join(1, "n"), sync();
        if (change === "no member") member.heartbeat(sent, "UNKNOWN_MEMBER_ID");
        if (change === "left") member.leave();
        left = lease.left();
        return [
          member.heartbeat(sent, error),
          member.syncAnswered(sent, error),
          member.joined(sent, error, { memberId: "m", generation: 1 }),
        ];
      });
      assert.deepEqual(verdicts, ["ignored", "rejoin", "rejoin"], `${error} after ${change}`);
      assert.equal(lease.left(), left, `${error} after ${change}`);
      const place = { "another generation": ["m", 2], "another id": ["n", 1] }[change] ?? ["", -1];
      assert.deepEqual([member.memberId, member.generation], place, `${error} after ${change}`);
    }
  }
});

test("a generation that heartbeats hear of before the JoinGroup is answered is none that has expelled it", () => {
  const { member, lease, beat } = settled();
  member.joining = true;
  assert.equal(beat("ILLEGAL_GENERATION"), "ignored");
  assert.equal(lease.holds(), true);
  member.joining = false;
  assert.equal(beat("ILLEGAL_GENERATION"), "expelled");
});

test("it joins again when a rebalance is heard of, unless that is what it is doing", () => {
  const { member, join, beat } = settled();
  assert.equal(beat("REBALANCE_IN_PROGRESS"), "rejoin");
  member.joining = true;
  assert.equal(beat("REBALANCE_IN_PROGRESS"), "ignored");
  join(2);
  member.joining = false;
  assert.equal(beat("REBALANCE_IN_PROGRESS"), "ignored", "not synced: its SyncGroup is answered the same");
});

test("who is unknown though it was heard of waits a session: the group has lost its state", () => {
  const { clock, member, beat } = settled();
  clock.pass(1000);
  beat("UNKNOWN_MEMBER_ID");
  assert.equal(member.patience.notBefore, clock.monotonic() + SESSION);
  assert.equal(member.patience.asked, SESSION);
  const silent = settled();
  silent.clock.pass(SESSION);
  silent.beat("UNKNOWN_MEMBER_ID");
  assert.equal(silent.member.patience.asked, 0);
});

test("a static member inherits the mastership of whom it replaces, and waits a session from its SyncGroup on", () => {
  const { clock, member, after, join } = made("place");
  assert.equal(member.patience.asked, SESSION, "before it has joined it may have replaced anybody");
  join(7);
  clock.pass(100);
  after(50, (sent) => {
    member.syncAnswered(sent, undefined);
    assert.equal(member.decided({ master: "predecessor", instanceId: "place", patience: 0 }, sent), true);
  });
  assert.equal(member.patience.notBefore, clock.monotonic() - 50 + SESSION);
  assert.equal(member.claim(0), 7, "it claims what the predecessor held");
  after(0, (sent) => assert.equal(member.decided({ master: "me", instanceId: "place", patience: 0 }, sent), false));
  assert.equal(member.claim(0), 0);
  assert.equal(member.claim(8), 8);
});

test("whoever else is master leaves it no mastership, and who is expelled has inherited nothing", () => {
  for (const [master, instanceId] of [["other", "elsewhere"], ["other", ""], ["", ""], ["me", "place"]] as const) {
    const { member, after, join } = settled("place");
    join(2);
    const elected = { master, instanceId, patience: 0 };
    assert.equal(after(0, (sent) => member.decided(elected, sent)), false, `${master} ${instanceId}`);
    assert.equal(member.claim(0), 0);
  }
  const { member, after, beat } = settled("place");
  after(0, (sent) => member.decided({ master: "predecessor", instanceId: "place", patience: 0 }, sent));
  assert.equal(member.claim(0), 1);
  beat("ILLEGAL_GENERATION");
  assert.equal(member.claim(0), 0);
});

test("a member without a place of its own inherits nothing", () => {
  const { member, after } = settled();
  assert.equal(after(0, (sent) => member.decided({ ...nobody, master: "other" }, sent)), false);
  assert.deepEqual([member.claim(0), member.patience.asked], [0, 0]);
});

test("what another asks all to wait it waits too, and a shorter time later does not shorten it", () => {
  const { clock, member, after } = settled();
  after(0, (sent) => member.decided({ ...nobody, patience: 4000 }, sent));
  clock.pass(1000);
  after(0, (sent) => member.decided({ ...nobody, patience: 100 }, sent));
  assert.equal(member.patience.asked, 3000);
});

test("who leaves holds nothing from then on", () => {
  const { member, lease } = settled();
  assert.equal(member.leave(), "m");
  assert.deepEqual([lease.holds(), member.memberId, member.generation, member.synced], [false, "", -1, false]);
});

test("who leaves while its first JoinGroup is under way is no member when that is answered", () => {
  const { member, lease, after } = made();
  after(5, (sent) => {
    member.leave();
    assert.equal(member.joined(sent, undefined, { memberId: "m", generation: 1 }), "rejoin");
    assert.equal(member.syncAnswered(sent, undefined), "rejoin");
  });
  assert.deepEqual([member.memberId, member.generation, lease.holds()], ["", -1, false]);
});

test("a static member that has just joined waits a session, whomever it has replaced, and no longer", () => {
  const { clock, member, join } = made("place");
  clock.pass(1000);
  join(1);
  assert.equal(member.patience.notBefore, clock.monotonic() + SESSION);
  clock.pass(SESSION);
  assert.equal(member.patience.asked, 0);
  const at = member.patience.notBefore;
  join(2);
  assert.equal(member.patience.notBefore, at);
});

test("a short session's lease ends half a second early too, a long one's a twelfth", () => {
  assert.deepEqual([3000, 6000, 60_000].map((session) => leaseTerms(session).margin), [500, 500, 5000]);
  assert.equal(leaseTerms(3000).rebalance, 15_000);
});
