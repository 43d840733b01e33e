import type { Clock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import { type Logger, REPEAT_LOG_MS } from "../../core/logger.ts";
import type { Sleep } from "../../core/delay.ts";
import type { Supervisor } from "../../core/supervisor.ts";
import type { TimerDefinition } from "../../core/timer.ts";

/** How often it is looked. */
const LOOK_MS = 1000;
/** From so many times the time between two slots on a run is told of that has not ended. */
const LONG_INTERVALS = 10;
/** So long after its timeout a function may still end that hears its signal. */
const AFTER_TIMEOUT_MS = 1000;

/** A call of a timer's function that has not ended. */
export interface RunningCall {
  readonly slot: number;
  /** When it began, in ms since the epoch by this machine's clock. */
  readonly since: number;
  /** The same on the monotonic clock. */
  readonly begun: number;
}

/**
 * Looks once a second at the watches that have something under way: one for all of a worker's timers, so that a run costs no
 * timer of the runtime.
 */
export class WatchTicker {
  readonly #sleep: Sleep;
  readonly #supervisor: Supervisor | undefined;
  readonly #watches = new Set<RunWatch>();
  /** Ends the sleep that is under way. */
  #ticking: AbortController | undefined;

  constructor(sleep: Sleep, supervisor?: Supervisor) {
    this.#sleep = sleep;
    this.#supervisor = supervisor;
  }

  add(watch: RunWatch): void {
    this.#watches.add(watch);
    if (this.#ticking !== undefined) return;
    const ticking = this.#ticking = new AbortController();
    const tick = () => this.#tick(ticking);
    const { signal } = ticking;
    void (this.#supervisor?.loop("The watch over runs that take long", tick, { signal }) ?? tick());
  }

  /** There is nothing to look at any more; `ended`: nor will be soon. */
  delete(watch: RunWatch, ended = false): void {
    this.#watches.delete(watch);
    if (!ended || this.#watches.size > 0) return;
    this.#ticking?.abort();
    this.#ticking = undefined;
  }

  async #tick(ticking: AbortController): Promise<void> {
    while (this.#watches.size > 0 && !ticking.signal.aborted) {
      await this.#sleep(LOOK_MS, ticking.signal);
      if (!ticking.signal.aborted) { for (const watch of this.#watches) watch.look(); }
    }
    if (this.#ticking === ticking) this.#ticking = undefined;
  }
}

/**
 * The calls of a timer's function that are under way: also of one that has outlived its timeout, or its mastership, and goes
 * on, since it cannot be stopped. One that takes very long is told of, since it keeps its timer from running.
 */
export class RunWatch {
  readonly #timer: TimerDefinition;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #ticker: WatchTicker;
  /** The oldest first. */
  readonly #calls = new Set<RunningCall>();
  #loggedAt = -Infinity;
  #ended = false;

  constructor(timer: TimerDefinition, ticker: WatchTicker, { logger, clock }: { logger: Logger; clock: Clock }) {
    this.#timer = timer;
    this.#logger = logger;
    this.#clock = clock;
    this.#ticker = ticker;
  }

  /** The one that has been running for longest. */
  get oldest(): RunningCall | undefined {
    const [oldest] = this.#calls;
    return oldest;
  }

  /** A call begins; what is given back is to be called when it has ended. */
  began(slot: number): () => void {
    const call = { slot, since: Math.floor(this.#clock.wall()), begun: this.#clock.monotonic() };
    this.#calls.add(call);
    if (!this.#ended) this.#ticker.add(this);
    return () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#ticker.delete(this);
    };
  }

  /** Nothing is told any more. */
  end(): void {
    this.#ended = true;
    this.#ticker.delete(this, true);
  }

  /** Tells of the oldest call, if it is time. */
  look(): void {
    const { oldest } = this;
    const now = this.#clock.monotonic();
    if (
      oldest === undefined || now < oldest.begun + this.#longAfter(oldest.slot) || now < this.#loggedAt + REPEAT_LOG_MS
    ) {
      return;
    }
    this.#loggedAt = now;
    this.#log(oldest, now);
  }

  /** With a timeout that is what is long. */
  #longAfter(slot: number): number {
    const { policy: { timeout }, rule } = this.#timer;
    if (timeout !== undefined) return timeout + AFTER_TIMEOUT_MS;
    return LONG_INTERVALS * ((rule.next(slot) ?? Infinity) - slot);
  }

  #log({ slot: at, begun }: RunningCall, now: number): void {
    const { name: timer, policy: { overlap, timeout }, rule } = this.#timer;
    const slot = new Date(at).toISOString();
    const lasts = formatDuration(Math.floor((now - begun) / 1000) * 1000 || Math.round(now - begun));
    const many = this.#calls.size > 1 ? ` ${this.#calls.size} of its runs are under way.` : "";
    const then = timeout !== undefined
      ? `it goes on though its timeout of ${formatDuration(timeout)} is over, and cannot be stopped`
      : overlap === "allow"
      ? "later slots run beside it. A timeout ends such a run"
      : "no later slot runs before it ends. A timeout ends such a run";
    this.#logger.warn(
      `Timer ${timer} (${rule.text}) has been running for ${lasts}, for its slot ${slot}: ${then}.${many}`,
      { timer, slot },
    );
  }
}
