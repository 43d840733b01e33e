/**
 * Which slot of a timer comes next, and what becomes of those that have passed.
 *
 * @module
 */
import type { Rule } from "./rule.ts";
import type { TimerPolicy } from "./timer.ts";

/** How far a timer has come; in ms since the epoch. */
export interface Progress {
  /** Slots up to this one are dealt with: run, or skipped. */
  readonly after: number;
  /** Slots up to this moment passed while nobody ticked: the timer began here only then. */
  readonly begun: number;
}

/** What comes next. */
export interface Due {
  /** To be run when it is time: it may be in the future. */
  readonly slot: number;
  /** Whether it was missed, and is run late. */
  readonly caughtUp: boolean;
  /** How many before it are not run. */
  readonly skipped: number;
}

/**
 * The slot that comes next, `now`. Only slots later than `after` are, whatever the clock or the interval was before. The
 * newest slot that has come since the timer began here is run, however late it is noticed; older ones that have not been
 * run were missed, and `catchUp` decides about them: those older than `catchUpWithin` are skipped. Undefined: the rule has
 * no further slot; what was skipped at its end is not told.
 */
export function nextDue(
  rule: Rule,
  { catchUp, catchUpWithin }: Pick<TimerPolicy, "catchUp" | "catchUpWithin">,
  { after, begun }: Progress,
  now: number,
): Due | undefined {
  const newest = rule.latest(now);
  if (newest === undefined || newest <= after) return dueAt(rule, after, rule.next(Math.max(after, now)), false);
  const oldest = now - catchUpWithin;
  const own = newest > begun;
  const first = catchUp === "all" ? rule.next(Math.max(after, oldest - 1)) : newest;
  const missed = catchUp !== "skip" && first !== undefined && first <= now && first >= oldest ? first : undefined;
  if (own && (missed ?? newest) === newest) return dueAt(rule, after, newest, false);
  return missed === undefined ? dueAt(rule, after, rule.next(now), false) : dueAt(rule, after, missed, true);
}

function dueAt(rule: Rule, after: number, slot: number | undefined, caughtUp: boolean): Due | undefined {
  return slot === undefined ? undefined : { slot, caughtUp, skipped: rule.count(after, slot) - 1 };
}

/** Where a timer begins that has never run: with `immediately` the slot that has just passed is still to be run. */
export function beginning(rule: Rule, { immediately }: Pick<TimerPolicy, "immediately">, now: number): Progress {
  const newest = immediately ? rule.latest(now) : undefined;
  return newest === undefined ? { after: now, begun: now } : { after: newest - 1, begun: newest - 1 };
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 60_000;

/** How long to wait before a run that has failed `failures` times is tried again, in ms; growing. */
export function retryPause(failures: number): number {
  return Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE);
}
