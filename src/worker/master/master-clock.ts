import type { Clock, WallClock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import type { LogTime } from "../../driver/master-log.ts";

/** From so much on a difference between our clock and the log's is told. */
const WARN_SKEW_MS = 1000;
/** Beyond this one of the two is wrong, and nobody can say which: nothing is run. */
const REFUSE_SKEW_MS = 10_000;

/**
 * The time that a master's schedule runs on: the log's, by which every master agrees with the one before. It is taken
 * from each append to the journal, and goes on by the monotonic clock, so that a wall clock that is set moves no slot.
 *
 * The log's clock was read at some moment between sending and answer, which leaves an interval; only what lies outside
 * is corrected, to its edge. So the jitter of answers does not disturb the period, and quick answers make it exact.
 */
export class MasterClock implements WallClock {
  readonly #clock: Clock;
  /** The log's time less our monotonic one. */
  #offset: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the log's time is known. */
  get isSet(): boolean {
    return this.#offset !== undefined;
  }

  /** The log's time; ours before the first append. */
  now(): number {
    return this.#offset === undefined ? this.#clock.wall() : this.#clock.monotonic() + this.#offset;
  }

  /** An append was answered. */
  sync({ wall, sent, answered }: LogTime): void {
    const earliest = wall - answered.monotonic;
    const latest = wall + 1 - sent.monotonic; // the log's clock gives whole milliseconds
    const now = this.#offset ?? this.#clock.wall() - this.#clock.monotonic();
    this.#offset = Math.min(Math.max(now, earliest), latest);
  }

  /** By how much our wall clock is ahead of the log's, in ms. */
  get skew(): number {
    return this.#clock.wall() - this.now();
  }

  /** What is to be told of a difference, and whether it forbids to run anything. */
  get skewWarning(): { readonly sentence: string; readonly refuses: boolean } | undefined {
    const { skew } = this;
    const size = Math.abs(skew);
    if (size < WARN_SKEW_MS) return undefined;
    const differ = `This machine's clock is ${formatDuration(size)} ${skew > 0 ? "ahead of" : "behind"} Kafka's`;
    return size < REFUSE_SKEW_MS
      ? { refuses: false, sentence: `${differ}: timers on the master run by Kafka's. Set one of them right.` }
      : {
        refuses: true,
        sentence: `${differ}: one of them is wrong, and no timer runs on the master before they agree.`,
      };
  }
}
