import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sent } from "../../../src/core/membership/place.ts";
import { Member, SESSION } from "./harness.ts";

test("a coordinator that answers heartbeats late is asked again meanwhile, so that the lease holds", () => {
  const member = Member.settled();
  const { clock, lease } = member;
  const late = 0.7 * SESSION;
  const underWay: { sent: Sent; dueAt: number }[] = [];
  let seen = member.effects.length;
  let most = 0;
  for (let ms = 0; ms < 20 * SESSION; ms += 50) {
    member.pass(50);
    for (const effect of member.effects.slice(seen)) {
      if (effect.do === "beat") underWay.push({ sent: effect.sent, dueAt: clock.monotonic() + late });
    }
    seen = member.effects.length;
    most = Math.max(most, underWay.length);
    for (let [first] = underWay; first && first.dueAt <= clock.monotonic(); [first] = underWay) {
      underWay.shift();
      member.feed({ type: "beaten", sent: first.sent });
    }
    assert.ok(lease.holds(), `the lease was over after ${ms} ms`);
  }
  assert.ok(most <= 8, `${most} were under way at once`);
  assert.equal(member.machine.state, "settled");
});

test("what is asked while one has no answer is not asked more often than ten times a session", () => {
  const member = Member.settled();
  const beats = member.during(() => member.pass(SESSION)).filter((name) => name === "beat");
  assert.ok(beats.length > 1 && beats.length <= 10, `${beats.length} heartbeats`);
});

test("one of several that is lost is as good as all: the coordinator is looked for, and what still comes is nobody's", () => {
  const member = Member.settled();
  member.pass(SESSION / 2);
  const [first] = member.effects.filter((effect) => effect.do === "beat");
  assert.ok(first !== undefined);
  member.lost("beat");
  assert.equal(member.machine.state, "seeking");
  const left = member.lease.left();
  member.feed({ type: "beaten", sent: first.sent });
  assert.equal(member.lease.left(), left);
});
