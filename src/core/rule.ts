import { formatDuration } from "./duration.ts";
import { nextSlot } from "./schedule.ts";

/** When a timer runs: its slots, in ms since the epoch. Every worker works out the same ones, without talking. */
export interface Rule {
  /** For people, and to see whether two workers mean the same: `every 2s`, `cron 0 8 * * mon-fri Europe/Berlin`. */
  readonly text: string;
  /** The first slot later than `after`; undefined when there is none any more. */
  next(after: number): number | undefined;
  /** The last slot that is not later than `at`; undefined when there was none. */
  latest(at: number): number | undefined;
  /** How many slots are later than `after` and not later than `until`. */
  count(after: number, until: number): number;
}

/** The multiples of an interval in ms. */
export function every(interval: number): Rule {
  return {
    text: `every ${formatDuration(interval)}`,
    next: (after) => nextSlot(interval, after),
    latest: (at) => Math.floor(at / interval) * interval,
    count: (after, until) => Math.max(0, Math.floor(until / interval) - Math.floor(after / interval)),
  };
}
