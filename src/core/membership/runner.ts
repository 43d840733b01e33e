import type { Clock } from "../clock.ts";
import type { MembershipMachine } from "./machine.ts";
import { asError } from "../errors.ts";
import type { Answer, Effect, Event, Kinds } from "./messages.ts";
import type { Sent } from "./place.ts";

/** How a wish not to be elected ends. */
const OUTCOMES = { resign: "resigned", standDown: "stoodDown" } as const;
type Outcome = (typeof OUTCOMES)[keyof typeof OUTCOMES];

/** What a driver has to do; who waits for the others is told here. */
export type Task<K extends Kinds> = Exclude<Effect<K>, { readonly do: Outcome }>;

export interface RunnerOptions<K extends Kinds> {
  readonly machine: MembershipMachine<K>;
  readonly clock: Clock;
  /** Carries out a request or passes on a notice; hands in by `feed` what comes of it. Waits for nothing. */
  readonly perform: (effect: Task<K>) => void;
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
  readonly #waiting: Record<Outcome, (() => void)[]> = { resigned: [], stoodDown: [] };
  #wake: (() => void) | undefined;

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
  hand(sent: Sent, ask: (sent: Sent) => Promise<Answer<K>>): void {
    ask(sent).then(
      (answer) => this.feed(answer),
      (thrown) => this.feed({ type: "lost", sent, error: asError(thrown) }),
    );
  }

  /** Until the membership is over. What `perform` throws it throws; when it is called again it goes on behind that. */
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

  /** Leaves at once, also when the loop has ended by a fault. */
  leave(): void {
    this.#events.push({ type: "leave" });
    try {
      this.#drain();
    } finally {
      this.#drain(); // what a fault has kept from being done
      this.#wake?.();
    }
  }

  #drain(): void {
    const { machine, perform } = this.#options;
    for (;;) {
      const effect = this.#effects.shift();
      if (effect !== undefined) {
        if (effect.do === "resigned" || effect.do === "stoodDown") {
          for (const resolve of this.#waiting[effect.do].splice(0)) resolve();
        } else perform(effect);
        continue;
      }
      const event = this.#events.shift();
      if (event === undefined) return;
      this.#effects.push(...machine.on(event));
    }
  }
}
