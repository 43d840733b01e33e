import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Effect, MemberError, Wish } from "../../../src/core/membership/messages.ts";
import type { Sent } from "../../../src/core/membership/place.ts";
import { MephistoError } from "../../../src/core/errors.ts";
import { Member, NOBODY, SESSION, type TestKinds } from "./harness.ts";

/** What happens next: an answer to one of what is under way, or to what was given up; a wish; or time passes. */
type Happening =
  | { readonly what: "good"; readonly which: number; readonly leads: boolean; readonly master: string }
  | { readonly what: "refused"; readonly which: number; readonly why: MemberError }
  | { readonly what: "lost"; readonly which: number; readonly code: "UNREACHABLE" | "PROTOCOL" }
  | { readonly what: "late"; readonly which: number }
  | { readonly what: "wish"; readonly type: Exclude<Wish["type"], "leave"> }
  | { readonly what: "time"; readonly ms: number }
  | { readonly what: "leave" };

const which = fc.nat(3);
const REFUSALS = [
  ...["REBALANCE_IN_PROGRESS", "UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "NOT_COORDINATOR", "OTHER"],
] as const satisfies readonly MemberError[];
const WISHES = ["rejoin", "drain", "resign", "yield", "askToResign", "heartbeatNow"] as const;
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constant("good" as const),
      which,
      leads: fc.boolean(),
      master: fc.constantFrom("", "me", "other", "predecessor"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant("refused" as const), which, why: fc.constantFrom(...REFUSALS) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant("lost" as const),
      which,
      code: fc.constantFrom("UNREACHABLE" as const, "PROTOCOL" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("late" as const), which }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("wish" as const), type: fc.constantFrom(...WISHES) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("time" as const),
      ms: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 1200 }) }, fc.nat(3 * SESSION)),
    }),
  },
);
const rare: fc.Arbitrary<Happening> = fc.oneof(
  fc.constant({ what: "leave" as const }),
  fc.record({ what: fc.constant("refused" as const), which, why: fc.constant("FATAL" as const) }),
);

/** Carries out what a machine asks, and holds it to what must always hold. */
class Witness {
  readonly member: Member;
  /** Asked, and neither answered nor given up. */
  readonly underWay = new Set<Sent>();
  readonly givenUp: Sent[] = [];
  #generation = 0;
  /** Whether this member has been elected, as it has heard, since it was in a group last. */
  #elected = false;
  /** Those who wait for these. */
  readonly waiting = { resigned: 0, yielded: 0 };
  settled = 0;

  constructor(instanceId: string | undefined) {
    this.member = new Member(instanceId === undefined ? {} : { instanceId });
    this.feed(() => this.member.feed({ type: "start" }));
  }

  feed(event: () => readonly Effect<TestKinds>[] | void): void {
    const { member: { machine, effects } } = this;
    const from = effects.length;
    event();
    for (const effect of effects.slice(from)) this.#done(effect);
    if (machine.state === "settled") this.settled++;
    this.#check();
  }

  #done(effect: Effect<TestKinds>): void {
    switch (effect.do) {
      case "find":
      case "join":
      case "plan":
      case "sync":
      case "beat": {
        // Heartbeats are sent before the last is answered.
        const before = effect.do === "beat" ? undefined : [...this.underWay].find(({ what }) => what !== "beat");
        assert.equal(before?.what, undefined, `${effect.do} is asked while that is under way`);
        if (effect.do === "join") {
          const own = this.#elected && this.member.lease.holds() ? this.member.machine.generation : 0;
          const claim = this.member.machine.claim(own);
          assert.ok(claim === 0 || this.member.lease.holds(), "it claims mastership without a lease");
        }
        this.underWay.add(effect.sent);
        return;
      }
      case "hangUp":
        for (const each of this.underWay) if (each.what !== "beat" && each.what !== "find") this.#giveUp(each);
        return;
      case "forget":
        for (const each of this.underWay) this.#giveUp(each);
        return;
      case "synced":
        assert.equal(this.member.machine.synced || this.member.machine.state === "joining", true);
        return;
      case "removed":
        assert.equal(this.member.lease.holds(), false, "it is removed, and its lease holds");
        this.#elected = false;
        return;
      case "resigned":
      case "yielded":
        this.waiting[effect.do] = 0;
        return;
      default:
        return;
    }
  }

  #giveUp(sent: Sent): void {
    this.underWay.delete(sent);
    this.givenUp.push(sent);
  }

  #check(): void {
    const { machine, lease } = this.member;
    const names = [...this.underWay].map(({ what }) => what);
    assert.ok(names.filter((name) => name !== "beat").length <= 1, "two requests of rounds under way");
    if (machine.isOver) {
      assert.equal(lease.holds(), false, "over, with a lease");
      assert.equal(machine.dueAt, undefined);
      return assert.deepEqual(this.waiting, { resigned: 0, yielded: 0 }, "somebody is kept waiting");
    }
    assert.ok(machine.dueAt !== undefined || names.length > 0, `stuck in ${machine.state}`);
    if (lease.holds()) assert.ok(machine.generation >= 0, "a lease without a generation");
    if (machine.synced) assert.ok(machine.generation >= 0 && machine.memberId !== "");
  }

  happens(event: Happening): void {
    const { member } = this;
    switch (event.what) {
      case "leave":
        return this.feed(() => member.feed({ type: "leave" }));
      case "wish":
        if (event.type === "resign") this.waiting.resigned++;
        if (event.type === "yield") this.waiting.yielded++;
        return this.feed(() => member.feed({ type: event.type }));
      case "time":
        return this.#pass(event.ms);
      case "late": {
        const sent = this.givenUp[event.which % Math.max(1, this.givenUp.length)];
        if (sent === undefined) return;
        const { memberId, generation, state } = member.machine;
        const left = member.lease.left();
        this.feed(() => this.#answer(sent, true, "me"));
        this.feed(() => member.refused("find", "UNKNOWN_MEMBER_ID", sent));
        assert.deepEqual([member.machine.memberId, member.machine.generation, member.machine.state], [
          ...[memberId, generation, state],
        ]);
        return assert.equal(member.lease.left(), left);
      }
      default: {
        const all = [...this.underWay];
        const sent = all[event.which % Math.max(1, all.length)];
        if (sent === undefined) return;
        this.underWay.delete(sent);
        if (event.what === "good") return this.feed(() => this.#answer(sent, event.leads, event.master));
        if (event.what === "refused" && sent.what !== "find" && sent.what !== "plan") {
          return this.feed(() => member.refused(sent.what, event.why, sent));
        }
        const code = event.what === "lost" ? event.code : "PROTOCOL";
        this.feed(() => member.feed({ type: "lost", sent, error: new MephistoError(code, "No answer.") }));
      }
    }
  }

  #answer(sent: Sent, leads: boolean, master: string): void {
    const { member } = this;
    switch (sent.what) {
      case "find":
        return void member.feed({ type: "found", sent });
      case "join":
        return member.joined(++this.#generation, { sent, leads });
      case "plan":
        return void member.feed({ type: "planned", sent, plan: "plan" });
      case "sync": {
        const instanceId = master === "predecessor" || master === "me" ? "place" : "";
        this.#elected = master === "me";
        return void member.feed({ type: "assigned", sent, elected: { ...NOBODY, master, instanceId }, given: "given" });
      }
      case "beat":
        return void member.feed({ type: "beaten", sent });
    }
  }

  #pass(ms: number): void {
    const { clock, machine } = this.member;
    const end = clock.monotonic() + ms;
    for (let ticks = 0;; ticks++) {
      assert.ok(ticks < 1000, `it goes round in circles in ${machine.state}`);
      const { dueAt = Infinity } = machine;
      if (dueAt > end) break;
      clock.pass(Math.max(0, dueAt - clock.monotonic()));
      this.feed(() => this.member.feed({ type: "tick" }));
    }
    clock.pass(end - clock.monotonic());
    this.#check();
  }

  /** All goes well from now on. */
  recover(): void {
    for (let n = 0; n < 400; n++) {
      if (this.member.machine.state === "settled" && n > 300) return;
      const sent = [...this.underWay][0];
      if (sent === undefined) this.#pass(100);
      else {
        this.underWay.delete(sent);
        this.feed(() => this.#answer(sent, false, "other"));
      }
    }
    assert.fail(`it does not get well: ${this.member.machine.state}`);
  }
}

test("whatever comes in whatever order: one request of a kind, no lease without a generation, and never stuck", () => {
  let settled = 0;
  const histories = fc.record({
    instanceId: fc.constantFrom(undefined, "place"),
    events: fc.array(happening, { minLength: 1, maxLength: 80 }),
    end: fc.option(rare, { freq: 3 }),
  });
  fc.assert(
    fc.property(histories, ({ instanceId, events, end }) => {
      const witness = new Witness(instanceId);
      for (const event of events) witness.happens(event);
      if (end !== null) witness.happens(end);
      if (!witness.member.machine.isOver) {
        witness.recover();
        witness.happens({ what: "leave" });
      }
      settled += witness.settled;
    }),
    { numRuns: 2000 },
  );
  assert.ok(settled > 2000, "and it was not for want of rounds that came to an end");
});
