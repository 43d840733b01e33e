import type { Clock } from "../core/clock.ts";
import type { Sleep } from "../core/delay.ts";
import type { Entry, VirtualTime } from "./time.ts";

/** What woke a process up: its own timer, or something that came over the network. */
export type Cause = "timer" | "message";

/**
 * What stands still while a process does: nothing of the machine's (SIGSTOP); its monotonic clock (suspended); the wall
 * clock too, until it is set right (suspended, and nothing tells how long); all clocks, as those of a paused guest do.
 */
export type Standstill = "process" | "monotonic" | "wall" | "all";

/** 2026-01-01, in ms since the epoch: the beginning of virtual time. */
const BEGINNING = Date.UTC(2026, 0, 1);

/**
 * A process on a machine of its own, with clocks that may be wrong. Whatever it does it does in answer to an event, so
 * that it can be frozen between any two of them, and killed.
 */
const CLOCKS: Record<Standstill, readonly Exclude<Standstill, "process">[]> = {
  process: [],
  monotonic: ["monotonic"],
  wall: ["monotonic", "wall"],
  all: ["monotonic", "wall", "all"],
};

export class Host implements Clock {
  readonly name: string;
  readonly time: VirtualTime;
  alive = true;
  frozen = false;
  /** How often an event has been given to it. */
  steps = 0;
  /** Called after each event, when what it leads to has not run yet. */
  onStep: ((host: Host) => void) | undefined;
  readonly #held: { readonly cause: Cause; readonly run: () => void }[] = [];
  readonly #rate: number;
  readonly #monotonic: number;
  readonly knowsBoot: boolean;
  #wall: number;
  /** Since when, and what. */
  #stands: { readonly at: number; readonly what: Standstill } | undefined;
  /** For how long each has stood still. */
  readonly #stoodStill = { monotonic: 0, wall: 0, all: 0 };

  /**
   * `rate`: of its clocks, 1 when they are right. `wall`: how far its wall clock is ahead, in ms. `knowsBoot`: whether the
   * time since the machine's start may be asked.
   */
  constructor(name: string, time: VirtualTime, { rate = 1, wall = 0, monotonic = 1000, knowsBoot = false } = {}) {
    this.name = name;
    this.knowsBoot = knowsBoot;
    this.time = time;
    this.#rate = rate;
    this.#monotonic = monotonic;
    this.#wall = BEGINNING + wall;
  }

  readonly monotonic = (): number => this.#monotonic + this.#counted("monotonic") * this.#rate;

  readonly wall = (): number => Math.floor(this.#wall + this.#counted("wall") * this.#rate);

  readonly boot = (): number | undefined =>
    this.knowsBoot ? this.#monotonic + this.#counted("all") * this.#rate : undefined;

  /** Virtual time less that in which a clock has stood still; of the clock that stands still only with all of them. */
  #counted(clock: Exclude<Standstill, "process">): number {
    const { at = this.time.now, what = "process" } = this.#stands ?? {};
    const now = CLOCKS[what].includes(clock) ? at : this.time.now;
    return now - this.#stoodStill[clock];
  }

  readonly sleep: Sleep = (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const entry = this.after(ms, "timer", () => {
        signal?.removeEventListener("abort", wake);
        resolve();
      });
      const wake = () => {
        entry.run = undefined;
        resolve();
      };
      signal?.addEventListener("abort", wake, { once: true });
    });

  /** Has this process do something after `ms` of its own time. */
  after(ms: number, cause: Cause, run: () => void): Entry {
    const entry = this.time.after(Math.max(0, ms) / this.#rate, () => this.#give(cause, run));
    return entry;
  }

  /** An event for this process, at a moment of virtual time. */
  at(moment: number, cause: Cause, run: () => void): Entry {
    return this.time.at(moment, () => this.#give(cause, run));
  }

  /** `kill -9`. */
  kill(): void {
    this.alive = false;
    this.#held.length = 0;
  }

  /** SIGSTOP; or the machine stands still, with its clocks. */
  freeze(what: Standstill = "process"): void {
    if (this.frozen) return;
    this.frozen = true;
    this.#stands = { at: this.time.now, what };
  }

  /** SIGCONT. `first`: whether due timers or what came meanwhile is looked at first; undefined: as it came. */
  thaw(first?: Cause): void {
    if (!this.frozen) return;
    this.frozen = false;
    const { at = 0, what = "process" } = this.#stands ?? {};
    this.#stands = undefined;
    for (const clock of CLOCKS[what]) this.#stoodStill[clock] += this.time.now - at;
    const held = this.#held.splice(0);
    const isFirst = ({ cause }: { cause: Cause }) => first === undefined || cause === first;
    for (const { cause, run } of [...held.filter(isFirst), ...held.filter((each) => !isFirst(each))]) {
      this.at(this.time.now, cause, run);
    }
  }

  /** Sets the wall clock: so far from the right time, in ms. */
  setWall(ahead: number): void {
    this.#wall = BEGINNING + ahead;
    this.#stoodStill.wall = 0;
  }

  #give(cause: Cause, run: () => void): void {
    if (!this.alive) return;
    if (this.frozen) {
      this.#held.push({ cause, run });
      return;
    }
    this.steps++;
    run();
    this.onStep?.(this);
  }
}

/** The right time, in ms since the epoch. */
export function trueWall(time: VirtualTime): number {
  return Math.floor(BEGINNING + time.now);
}
