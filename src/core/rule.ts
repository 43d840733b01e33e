import { formatDuration } from "./duration.ts";
import { nextSlot } from "./schedule.ts";

/** When a timer runs: its slots, in ms since the epoch. Every worker works out the same ones, without talking. */
export interface Rule {
  /** For people, and to see whether two workers mean the same: `every 2s`, `cron 0 8 * * mon-fri Europe/Berlin`. */
  readonly text: string;
  /** The interval in ms, of a rule that has one. */
  readonly every?: number;
  /** The first slot later than `after`; undefined when there is none any more. */
  next(after: number): number | undefined;
  /** The last slot that is not later than `at`; undefined when there was none. */
  latest(at: number): number | undefined;
  /** How many slots are later than `after` and not later than `until`. */
  count(after: number, until: number): number;
  /** A slot on the clock that the rule goes by, for people; of a rule that goes by one. */
  local?(slot: number): LocalSlot;
  /**
   * The time that a slot stands for, of a rule of fixed times on a zone's clock: `2026-12-01T08:00 America/Vancouver`. Another
   * runtime, with other data of the zone, may make another slot of it.
   */
  label?(slot: number): string;
  /** The slot that this runtime makes of such a time; undefined when the text is none of this rule's zone. */
  labelled?(label: string): number | undefined;
  /** Whose data its slots depend on, where these may differ from one runtime to the other. */
  readonly zone?: RuleZone;
}

/** A time zone, as this runtime knows it. */
export interface RuleZone {
  /** Its IANA name. */
  readonly name: string;
  /** A short text that is another one where the zone's clock is another in that year of UTC. */
  mark(year: number): string;
}

/** A slot on a clock on the wall; what it shows is written in ms as if it were UTC's. */
export interface LocalSlot {
  readonly wall: number;
  /** What it shows before UTC's clock, in ms. */
  readonly offset: number;
  /** What it would have shown, had it not been put forward: another time than `wall` when the slot was moved. */
  readonly meant: number;
  /** Whether it shows this twice, since it is put back. */
  readonly twice: boolean;
}

/** The last moment that a date can hold, in ms since the epoch: no slot is later, and no interval longer. */
export const LAST_MOMENT_MS = 8.64e15;

/** The multiples of an interval in ms. */
export function every(interval: number): Rule {
  return {
    text: `every ${formatDuration(interval)}`,
    every: interval,
    next: (after) => {
      const slot = nextSlot(interval, after);
      return slot <= LAST_MOMENT_MS ? slot : undefined;
    },
    latest: (at) => Math.floor(at / interval) * interval,
    count: (after, until) => Math.max(0, Math.floor(until / interval) - Math.floor(after / interval)),
  };
}

/** Where {@link shortestOf} begins: the same moment on every worker. */
const SAMPLED_FROM = Date.UTC(2026, 0, 1);
/** More than a year of daily slots. */
const SAMPLED = 400;

/** The shortest time from one slot to the next, in ms: of a rule without an interval, among some hundred slots. */
export function shortestOf(rule: Rule): number {
  if (rule.every !== undefined) return rule.every;
  let shortest = Infinity;
  let last = rule.next(SAMPLED_FROM);
  for (let seen = 0; seen < SAMPLED && last !== undefined; seen++) {
    const next = rule.next(last);
    if (next !== undefined) shortest = Math.min(shortest, next - last);
    last = next;
  }
  return shortest;
}
