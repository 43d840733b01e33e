import { MephistoError } from "../../../src/core/errors.ts";
import { MembershipMachine } from "../../../src/core/membership/machine.ts";
import type { Answer, Effect, Elected, Event, MemberError, Request } from "../../../src/core/membership/messages.ts";
import type { Sent } from "../../../src/core/membership/place.ts";
import { leaseTerms } from "../../../src/core/membership/terms.ts";
import { StillClock } from "../fakes.ts";

export const SESSION = 6000;
export const REBALANCE = 30_000;
export const MARGIN = 500;
export const INTERVAL = 1000;
export const NOBODY: Elected = { master: "", instanceId: "", leaseGraceMs: 0 };

export interface TestKinds {
  readonly members: string;
  readonly plan: string;
  readonly given: string;
}

type Name = "join" | "plan" | "sync" | "beat" | "find";
type Asked = Extract<Request<TestKinds>, { do: Name }>;

/** A member under the test's hand: what it asks is kept until the test answers it. */
export class Member {
  readonly clock = new StillClock(100_000, 1_000_000);
  readonly machine: MembershipMachine<TestKinds>;
  /** All that it has asked and told, by name, but for `reachable`. */
  readonly log: string[] = [];
  readonly effects: Effect<TestKinds>[] = [];

  constructor({ instanceId, mayBeMaster = true }: { instanceId?: string; mayBeMaster?: boolean } = {}) {
    this.machine = new MembershipMachine<TestKinds>({
      terms: leaseTerms(SESSION),
      heartbeatIntervalMs: INTERVAL,
      incarnation: "me",
      instanceId,
      mayBeMaster,
      clock: this.clock,
      random: () => 0.5,
    });
  }

  get lease(): MembershipMachine<TestKinds>["lease"] {
    return this.machine.lease;
  }

  /** In generation 1, which is synced. */
  static settled(options: { instanceId?: string; mayBeMaster?: boolean } = {}): Member {
    const member = new Member(options);
    member.feed({ type: "start" });
    member.found();
    member.joined(1);
    member.assigned();
    member.log.length = 0;
    return member;
  }

  feed(event: Event<TestKinds>): readonly Effect<TestKinds>[] {
    const effects = this.machine.on(event);
    this.effects.push(...effects);
    this.log.push(...effects.map((effect) => effect.do).filter((name) => name !== "reachable"));
    return effects;
  }

  /** What was asked last by this name. */
  asked<N extends Name>(name: N): Extract<Asked, { do: N }> {
    for (const effect of [...this.effects].reverse()) {
      if (effect.do === name) return effect as Extract<Asked, { do: N }>;
    }
    throw new Error(`${name} has not been asked: ${this.log.join()}`);
  }

  found(): void {
    this.feed({ type: "found", sent: this.asked("find").sent });
  }

  joined(generation: number, { memberId = "m", leads = false, sent = this.asked("join").sent } = {}): void {
    this.feed({ type: "joined", sent, memberId, generation, members: leads ? "all" : undefined });
  }

  assigned(elected: Partial<Elected> = {}, sent: Sent = this.asked("sync").sent): void {
    this.feed({ type: "assigned", sent, elected: { ...NOBODY, ...elected }, given: "given" });
  }

  /** What was asked by this name is refused so. */
  refused(name: Name, why: MemberError, sent: Sent = this.asked(name).sent): void {
    const error = new MephistoError("PROTOCOL", why);
    this.feed({ type: "refused", sent, why, error, ...(why === "MEMBER_ID_REQUIRED" && { memberId: "m" }) });
  }

  lost(name: Name, code: "UNREACHABLE" | "PROTOCOL" = "UNREACHABLE"): void {
    this.feed({ type: "lost", sent: this.asked(name).sent, error: new MephistoError(code, "No answer.") });
  }

  /** Sends a heartbeat now, whose answer comes after `ms`. */
  beat(why?: MemberError, ms = 0): void {
    // Of one that is under way nothing is heard.
    const before = this.effects.findLast((effect) => effect.do === "beat");
    const error = new MephistoError("PROTOCOL", "No answer.");
    if (before) this.effects.push(...this.machine.on({ type: "lost", sent: before.sent, error }));
    this.feed({ type: "heartbeatNow" });
    const { sent } = this.asked("beat");
    this.clock.pass(ms);
    if (why === undefined) this.feed({ type: "beaten", sent });
    else this.refused("beat", why, sent);
  }

  /** Time passes, and what is due then happens. */
  pass(ms: number): void {
    const end = this.clock.monotonic() + ms;
    for (;;) {
      const { dueAt = Infinity } = this.machine;
      if (dueAt > end) break;
      this.clock.pass(Math.max(0, dueAt - this.clock.monotonic()));
      this.feed({ type: "tick" });
    }
    this.clock.pass(end - this.clock.monotonic());
  }

  /** Names of what it asks and tells by what is done. */
  during(run: () => void): string[] {
    const from = this.log.length;
    run();
    return this.log.slice(from);
  }
}

export type { Answer };
