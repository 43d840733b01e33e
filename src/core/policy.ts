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

/** So many slots wait behind a run with `overlap: "queue"`; when more have come the oldest are dropped. */
export const QUEUE_LIMIT = 1000;

/** What decides about slots that have passed. */
export type SlotPolicy = Pick<TimerPolicy, "catchUp" | "catchUpWithin"> & Partial<Pick<TimerPolicy, "overlap">>;

/**
 * The slot that comes next, `now`. Only slots later than `after` are, whatever the clock or the interval was before. The
 * newest slot that has come since the timer began here is run, however late it is noticed; older ones that have not been
 * run were missed, and `catchUp` decides about them: those older than `catchUpWithin` are skipped. With `overlap: "queue"`
 * all that have come since the timer began here are run, one after the other: they have no window, but a number. Undefined:
 * the rule has no further slot; what was skipped at its end is not told.
 */
export function nextDue(rule: Rule, policy: SlotPolicy, progress: Progress, now: number): Due | undefined {
  const { after, begun } = progress;
  const newest = rule.latest(now);
  if (newest === undefined || newest <= after) return dueAt(rule, after, rule.next(Math.max(after, now)), false);
  const missed = missedSlot(rule, policy, progress, now);
  const own = policy.overlap === "queue"
    ? queuedSlot(rule, policy, progress, now)
    : newest > begun
    ? newest
    : undefined;
  if (missed !== undefined && missed !== own) return dueAt(rule, after, missed, true);
  return dueAt(rule, after, own ?? rule.next(now), false);
}

/** The next of the slots that were missed and are caught up. Those that came since the timer began here may be queued. */
function missedSlot(rule: Rule, policy: SlotPolicy, { after, begun }: Progress, now: number): number | undefined {
  const { catchUp, catchUpWithin, overlap } = policy;
  const last = rule.latest(overlap === "queue" ? Math.min(begun, now) : now);
  if (catchUp === "skip" || last === undefined || last <= after) return undefined;
  const oldest = oldestWithin(catchUpWithin, now);
  const slot = catchUp === "all" ? rule.next(Math.max(after, oldest - 1)) : last;
  return slot !== undefined && slot >= oldest && slot <= last ? slot : undefined;
}

/**
 * The oldest of the slots that have come since the timer began here. Beyond {@link QUEUE_LIMIT} the oldest are dropped,
 * except for those that would be caught up, had they been missed: who wants all of them gets them.
 */
function queuedSlot(rule: Rule, policy: SlotPolicy, { after, begun }: Progress, now: number): number | undefined {
  const from = Math.max(after, begun);
  const first = rule.next(from);
  if (first === undefined || first > now) return undefined;
  const waiting = rule.count(from, now);
  if (waiting <= QUEUE_LIMIT) return first;
  const kept = oldestOf(rule, first, now, waiting);
  const within = Math.max(from, oldestWithin(policy.catchUpWithin, now) - 1);
  const wanted = policy.catchUp === "all" ? rule.next(within) : undefined;
  return Math.min(kept, wanted ?? Infinity);
}

/** The oldest of the {@link QUEUE_LIMIT} newest slots of so many that wait; the shorter way to it is gone. */
function oldestOf(rule: Rule, first: number, now: number, waiting: number): number {
  let slot = first;
  const over = waiting - QUEUE_LIMIT;
  if (rule.every !== undefined) return first + over * rule.every;
  if (over <= QUEUE_LIMIT) { for (let n = 0; n < over; n++) slot = rule.next(slot) ?? slot; }
  else for (let n = 0, at = now; n < QUEUE_LIMIT; n++, at = slot - 1) slot = rule.latest(at) ?? slot;
  return slot;
}

function dueAt(rule: Rule, after: number, slot: number | undefined, caughtUp: boolean): Due | undefined {
  return slot === undefined ? undefined : { slot, caughtUp, skipped: rule.count(after, slot) - 1 };
}

/** Why slots are not run that would be otherwise. */
export interface Dropped {
  /** Older than `catchUpWithin`. */
  readonly tooOld: number;
  /** More had come than may wait. */
  readonly tooMany: number;
}

/** Of the slots that {@link nextDue} skipped before `slot`: those that only a bound kept from being run. */
export function droppedBefore(
  slot: number,
  rule: Rule,
  policy: SlotPolicy,
  { after, begun }: Progress,
  now: number,
): Dropped {
  const { catchUp, catchUpWithin, overlap } = policy;
  const queues = overlap === "queue";
  const until = queues ? Math.min(begun, now) : now;
  const last = rule.latest(Math.min(slot - 1, until)) ?? -Infinity;
  const isTooOld = last > after && last < oldestWithin(catchUpWithin, now);
  const own = Math.max(after, begun);
  return {
    tooOld: catchUp === "all"
      ? rule.count(after, Math.min(last, oldestWithin(catchUpWithin, now) - 1))
      : Number(catchUp === "one" && slot > until && isTooOld),
    tooMany: queues && slot <= now && slot > own ? rule.count(own, slot - 1) : 0,
  };
}

/** The earliest moment, in whole ms, from which on a missed slot is not too old. */
function oldestWithin(catchUpWithin: number, now: number): number {
  return Math.ceil(now - catchUpWithin);
}

/** What is known of a timer from before; moments in ms since the epoch. */
export interface Known {
  /** The last slot that was run. */
  readonly last?: number | undefined;
  /** Since when its rule has been the one that it is: slots from before it were never due. */
  readonly since?: number | undefined;
}

/**
 * Where a timer begins: behind the last slot that was run, and behind all that came before its rule was first seen. What
 * has passed since was missed. One that has never run and does so `immediately` still has the slot to run that has just
 * passed.
 */
export function beginning(
  rule: Rule,
  { immediately }: Pick<TimerPolicy, "immediately">,
  now: number,
  { last, since = last ?? now }: Known = {},
): Progress {
  if (last !== undefined) return { after: Math.max(last, since), begun: now };
  const [first, newest] = immediately ? [rule.latest(since), rule.latest(now)] : [];
  return { after: first === undefined ? since : first - 1, begun: newest === undefined ? now : newest - 1 };
}
