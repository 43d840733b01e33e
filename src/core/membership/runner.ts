import type { Clock } from "../clock.ts";
import type { MembershipMachine } from "./machine.ts";
import { asError } from "../errors.ts";
import type { Answer, Effect, Event, Kinds } from "./messages.ts";
import type { Sent } from "./place.ts";
import type { Notices, Transport } from "./transport.ts";

/** How a wish not to be elected ends. */
const OUTCOMES = { resign: "resigned", yield: "yielded" } as const;
type Outcome = (typeof OUTCOMES)[keyof typeof OUTCOMES];

export interface RunnerOptions<K extends Kinds> {
  readonly machine: MembershipMachine<K>;
  readonly clock: Clock;
  readonly transport: Transport<K>;
  readonly notices: Notices<K>;
  /** Calls `due` after `ms`; gives what cancels that. */
  readonly startTimer: (ms: number, due: () => void) => () => void;
}

/**
 * Runs a membership's machine: one event after the other, and all that one leads to before the next, in a loop of its own
 * whoever hands the event in.
 */
export class MembershipRunner<K extends Kinds> {
  readonly #options: RunnerOptions<K>;
  readonly #events: Event<K>[] = [{ type: "start" }];
  readonly #effects: Effect<K>[] = [];
  readonly #waiting: Record<Outcome, (() => void)[]> = { resigned: [], yielded: [] };
  #wake: (() => void) | undefined;
  #leaving: Promise<unknown> | undefined;

  constructor(options: RunnerOptions<K>) {
    this.#options = options;
  }

  feed(event: Event<K>): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** Wishes not to be elected; resolves when the group knows it, or when it is over. */
  wish(type: keyof typeof OUTCOMES): Promise<void> {
    if (this.#options.machine.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting[OUTCOMES[type]].push(resolve);
      this.feed({ type });
    });
  }

  /** Hands in what comes of a request, or that nothing does. */
  #hand(sent: Sent, ask: (sent: Sent) => Promise<Answer<K>>): void {
    ask(sent).then(
      (answer) => this.feed(answer),
      (thrown) => this.feed({ type: "lost", sent, error: asError(thrown) }),
    );
  }

  /** Until the membership is over. What a driver throws it throws; when it is called again it goes on behind that. */
  async run(): Promise<void> {
    const { machine, clock, startTimer } = this.#options;
    for (;;) {
      this.#drain();
      if (machine.isOver) return;
      const { dueAt } = machine;
      let cancel: (() => void) | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (dueAt === undefined) return;
        // In whole ms: what is due in less may be due at the same moment again.
        cancel = startTimer(Math.max(0, Math.ceil(dueAt - clock.monotonic())), () => {
          this.#events.push({ type: "tick" });
          resolve();
        });
      });
      this.#wake = undefined;
      cancel?.();
    }
  }

  /** Leaves at once, also when the loop has ended by a fault; resolves when that has been answered, or cannot be. */
  leave(): Promise<unknown> | undefined {
    this.#events.push({ type: "leave" });
    try {
      this.#drain();
    } finally {
      this.#drain(); // what a fault has kept from being done
      this.#wake?.();
    }
    return this.#leaving;
  }

  #drain(): void {
    const { machine } = this.#options;
    for (;;) {
      const effect = this.#effects.shift();
      if (effect !== undefined) {
        this.#perform(effect);
        continue;
      }
      const event = this.#events.shift();
      if (event === undefined) return;
      this.#effects.push(...machine.on(event));
    }
  }
  /** Carries out a request or passes on a notice; what comes of it is fed. Waits for nothing. */
  #perform(effect: Effect<K>): void {
    const { transport, notices } = this.#options;
    switch (effect.do) {
      case "find":
        return this.#hand(effect.sent, async (sent) => {
          await transport.find();
          return { type: "found", sent };
        });
      case "join":
        return this.#hand(effect.sent, () => transport.join(effect));
      case "plan":
        return this.#hand(effect.sent, async (sent) => {
          return { type: "planned", sent, plan: await transport.plan(effect.members) };
        });
      case "sync":
        return this.#hand(effect.sent, () => transport.sync(effect));
      case "beat":
        return this.#hand(effect.sent, (sent) => transport.beat(sent));
      case "leave":
        this.#leaving = transport.leave(effect.memberId).catch(() => {}); // the group will find out by itself
        return;
      case "hangUp":
        return transport.hangUp();
      case "forget":
        return transport.forget();
      case "synced":
        return notices.synced(effect.given, effect.notBefore);
      case "removed":
        return notices.removed();
      case "failed":
        return notices.failed(effect.error);
      case "unreachable":
        return notices.unreachable?.(effect.error);
      case "reachable":
        return notices.reachable?.();
      case "resigned":
      case "yielded":
        for (const resolve of this.#waiting[effect.do].splice(0)) resolve();
    }
  }
}
