import { type Duration, formatDuration, milliseconds, positiveMilliseconds } from "./duration.ts";
import { MephistoError } from "./errors.ts";
import { checkOptions, type Kind, kinds, oneOf } from "./options.ts";
import { type Rule, shortestOf } from "./rule.ts";

/** How a run of a timer ended. */
export type Outcome = "ok" | "failed";

/** What a timer's function is given. */
export interface Tick {
  /** The moment that it stands for, in ms since 1970: a multiple of the interval, or what the pattern says. */
  readonly slot: number;
  /** The same as a date. */
  readonly scheduledAt: Date;
  /** Grows from one master to the next; 0 for timers that run on every worker. */
  readonly epoch: number;
  /** Whether it is a slot that was missed, and is run late. */
  readonly caughtUp: boolean;
  /** The slot before that was run, and how that ended; undefined at the first. */
  readonly previous: { readonly slot: number; readonly outcome: Outcome } | undefined;
  /**
   * Aborts when mastership is lost or the run takes longer than its timeout. When the worker stops a run may finish, and is
   * published: it aborts then only if the run has not ended within the stop timeout. To read it asks the lease: it is true
   * also in a process that was frozen, where the event may come later. A signal made of it by `AbortSignal.any` has only
   * the event.
   */
  readonly signal: AbortSignal;
}

/** What happens to slots that come while the function still runs. */
export type Overlap = "skip" | "queue" | "allow" | "untilConsumed";
/** What happens to slots that passed while no master ticked. */
export type CatchUp = "one" | "skip" | "all";

/** Options of a timer. */
export interface TimerOptions {
  /** Default: the function's own name. */
  name?: string;
  /** Run on exactly one worker, the master. Default false: on every worker. */
  onMaster?: boolean;
  /**
   * Slots that come while the function still runs are skipped (`"skip"`, the default), run one after the other when it
   * has ended (`"queue"`, the default with `catchUp: "all"`; at most 1,000 wait, of more the oldest are dropped), or run at
   * once beside it (`"allow"`). `"untilConsumed"` (on the master only) also skips those that come before the actors have
   * committed what the last tick sent.
   */
  overlap?: Overlap;
  /** Of slots that passed while no master ticked the last is run (`"one"`, the default), none, or all of them. On the master only. */
  catchUp?: CatchUp;
  /** How old a missed slot may be to be caught up. Default: with `catchUp: "all"` a day, else the last is never too old. */
  catchUpWithin?: Duration;
  /** How often a run that throws is tried again, with growing pauses, before its next slot. Default 0. */
  retry?: number;
  /** After this long a run has failed: its signal aborts, its sends are refused. Default none. */
  timeout?: Duration;
  /** Runs begin up to this long after their slot, by timer and slot, the same on every worker. Default 0. */
  spread?: Duration;
  /** Run for the slot that has just passed when the timer begins for the first time. Default false. */
  immediately?: boolean;
}

/** The options of a timer in full; durations in ms. */
export interface TimerPolicy {
  readonly overlap: Overlap;
  readonly catchUp: CatchUp;
  /** Infinity: there is no window. */
  readonly catchUpWithin: number;
  readonly retry: number;
  readonly timeout: number | undefined;
  readonly spread: number;
  readonly immediately: boolean;
}

/** A function run at each slot. */
export type TimerFunction = (tick: Tick) => void | Promise<void>;

/** A timer as the layers above read it. */
export interface TimerDefinition {
  readonly name: string;
  readonly rule: Rule;
  readonly onMaster: boolean;
  readonly policy: TimerPolicy;
  readonly fn: TimerFunction;
}

const OPTIONS = {
  name: kinds.text,
  onMaster: kinds.flag,
  overlap: oneOf(["skip", "queue", "allow", "untilConsumed"]),
  catchUp: oneOf(["one", "skip", "all"]),
  catchUpWithin: kinds.duration,
  retry: kinds.countOrNone,
  timeout: kinds.duration,
  spread: kinds.duration,
  immediately: kinds.flag,
};

/** How old a missed slot may be when all of them are caught up; the last one alone is never too old. */
const ALL_WITHIN = "1d";

/** `known`: the kinds of options that only the verb has by which this timer is defined. Errors: `INVALID_OPTION`. */
export function checkTimerOptions(options: TimerOptions, known: Readonly<Record<string, Kind>>, what: string): void {
  checkOptions(options, { ...OPTIONS, ...known }, what);
}

/** Fills in what an option leaves out. Errors: `INVALID_DURATION`, `INVALID_OPTION`. */
export function policyOf(options: TimerOptions, rule: Rule, what: string): TimerPolicy {
  checkTogether(options, what);
  const { catchUp = "one", overlap = catchUp === "all" ? "queue" : "skip", retry = 0, immediately = false } = options;
  const catchUpWithin = options.catchUpWithin ?? (catchUp === "all" ? ALL_WITHIN : undefined);
  const spread = milliseconds(options.spread ?? 0, `The spread of ${what}`);
  const shortest = spread === 0 ? Infinity : shortestOf(rule);
  if (spread >= shortest) {
    throw new MephistoError(
      "INVALID_OPTION",
      `The spread of ${what}, ${formatDuration(spread)}, must be shorter than the time between its slots, ` +
        `${formatDuration(shortest)}: runs would begin after the next slot.`,
    );
  }
  return {
    overlap,
    catchUp,
    catchUpWithin: catchUpWithin === undefined ? Infinity : milliseconds(catchUpWithin, `catchUpWithin of ${what}`),
    retry,
    timeout: options.timeout === undefined
      ? undefined
      : positiveMilliseconds(options.timeout, `The timeout of ${what}`),
    spread,
    immediately,
  };
}

/** Options that would do nothing, in silence, since another says something else. */
function checkTogether({ onMaster, overlap, catchUp, catchUpWithin }: TimerOptions, what: string): void {
  const refuse = (why: string) => {
    throw new MephistoError("INVALID_OPTION", `The option ${why}`);
  };
  if (!onMaster && overlap === "untilConsumed") {
    refuse(`overlap of ${what} is "untilConsumed", which needs onMaster: true: only a master's sends are known.`);
  }
  for (const [option, value] of Object.entries({ catchUp, catchUpWithin })) {
    if (onMaster || value === undefined) continue;
    refuse(`${option} of ${what} needs onMaster: true: what every worker runs, nobody keeps a journal of.`);
  }
  if (catchUp === "skip" && catchUpWithin !== undefined) {
    refuse(`catchUpWithin of ${what} does nothing, since its catchUp is "skip": leave one of them out.`);
  }
}
