import type { Clock } from "../core/clock.ts";
import { formatDuration } from "../core/duration.ts";
import type { Logger } from "../core/logger.ts";
import type { Sleep } from "../core/pause.ts";
import type { TimerDefinition } from "../core/timer.ts";

/** From so many times the time between two slots on a run is told of that has not ended. */
const LONG_INTERVALS = 10;
/** So long after its timeout a function may still end that hears its signal, in ms. */
const AFTER_TIMEOUT_MS = 1000;
/** How often it is told. */
const AGAIN_MS = 60_000;

/** A call of a timer's function that has not ended. */
export interface RunningCall {
  readonly slot: number;
  /** When it began, in ms since the epoch by this machine's clock. */
  readonly since: number;
  /** The same on the monotonic clock. */
  readonly begun: number;
}

/**
 * The calls of a timer's function that are under way: also of one that has outlived its timeout, or its mastership, and goes
 * on, since it cannot be stopped. One that takes very long is told of, since it keeps its timer from running.
 */
export class RunWatch {
  readonly #timer: TimerDefinition;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  /** The oldest first. */
  readonly #calls = new Set<RunningCall>();
  #watching: AbortController | undefined;
  #toldAt = -Infinity;
  #ended = false;

  constructor(
    timer: TimerDefinition,
    parts: { readonly logger: Logger; readonly clock: Clock; readonly sleep: Sleep },
  ) {
    this.#timer = timer;
    this.#logger = parts.logger;
    this.#clock = parts.clock;
    this.#sleep = parts.sleep;
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
    if (!this.#ended && this.#watching === undefined) void this.#watch(this.#watching = new AbortController());
    return () => {
      this.#calls.delete(call);
      if (this.#calls.size === 0) this.#stopWatching();
    };
  }

  /** Nothing is told any more. */
  end(): void {
    this.#ended = true;
    this.#stopWatching();
  }

  #stopWatching(): void {
    this.#watching?.abort();
    this.#watching = undefined;
  }

  async #watch({ signal }: AbortController): Promise<void> {
    for (let { oldest } = this; oldest && !signal.aborted; { oldest } = this) {
      const now = this.#clock.monotonic();
      const due = Math.max(oldest.begun + this.#longAfter(oldest.slot), this.#toldAt + AGAIN_MS);
      if (due === Infinity) break; // of a rule's last slot it cannot be said what is long
      if (now < due) await this.#sleep(due - now, signal);
      else {
        this.#toldAt = now;
        this.#tell(oldest, now);
      }
    }
    if (this.#watching?.signal === signal) this.#watching = undefined;
  }

  /** With a timeout that is what is long. */
  #longAfter(slot: number): number {
    const { policy: { timeout }, rule } = this.#timer;
    if (timeout !== undefined) return timeout + AFTER_TIMEOUT_MS;
    return LONG_INTERVALS * ((rule.next(slot) ?? Infinity) - slot);
  }

  #tell({ slot: at, begun }: RunningCall, now: number): void {
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
