import { type App, definitionOf } from "./app.ts";
import { type Duration, milliseconds, positiveMilliseconds } from "./duration.ts";
import { MephistoError } from "./errors.ts";
import { nameOf } from "./name.ts";
import { checkOptions, kinds, oneOf } from "./options.ts";
import { every as everyRule, type Rule } from "./rule.ts";
import type { SerializerSpec } from "./serializer.ts";

/** How a run of a timer ended. */
export type Outcome = "ok" | "failed";

/** What a timer's function is given. */
export interface Tick {
  /** The moment that it stands for, in ms since the epoch: a multiple of the interval. */
  readonly slot: number;
  /** The same as a date. */
  readonly scheduledAt: Date;
  /** Grows from one master to the next; 0 for timers that run on every worker. */
  readonly epoch: number;
  /** Whether it is a slot that was missed, and is run late. */
  readonly caughtUp: boolean;
  /** The slot before that was run, and how that ended; undefined at the first. */
  readonly previous: { readonly slot: number; readonly outcome: Outcome } | undefined;
  /** Aborts when mastership is lost, the run takes longer than its timeout, or the worker stops. */
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
   * has ended (`"queue"`), or run at once beside it (`"allow"`). `"untilConsumed"` (on the master only) also skips those
   * that come before the actors have committed what the last tick sent.
   */
  overlap?: Overlap;
  /** Of slots that passed while no master ticked the last is run (`"one"`, the default), none, or all of them. On the master only. */
  catchUp?: CatchUp;
  /** How old a missed slot may be to be caught up. Default 1 h. */
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
  readonly catchUpWithin: number;
  readonly retry: number;
  readonly timeout: number | undefined;
  readonly spread: number;
  readonly immediately: boolean;
}

/** A function run at each slot. */
export type TimerFunction = (tick: Tick) => void | Promise<void>;

/** A timer as the floors above read it; `interval` in ms. */
export interface TimerDefinition {
  readonly name: string;
  readonly interval: number;
  readonly rule: Rule;
  readonly onMaster: boolean;
  readonly policy: TimerPolicy;
  readonly fn: TimerFunction;
}

/**
 * Defines a timer: a function that runs at every multiple of `every` (seconds, or text such as `"1m30s"`). A run that
 * outlasts the interval is not run twice at once: the slots that it covers are skipped. A throw is logged, and the next
 * slot runs.
 *
 * Errors: `INVALID_NAME`, `DUPLICATE_NAME`, `INVALID_DURATION`, `INVALID_OPTION`.
 *
 * ```ts
 * import { app, timer } from "mephisto";
 * const shop = app("shop");
 * timer(shop, "1m30s", { onMaster: true }, async function restock({ scheduledAt }) {
 *   await Promise.resolve(scheduledAt);
 * });
 * ```
 */
export function timer(
  app: App<SerializerSpec, SerializerSpec>,
  every: Duration,
  options: TimerOptions,
  fn: TimerFunction,
): void;
/** Defines a timer that runs on every worker. */
export function timer(app: App<SerializerSpec, SerializerSpec>, every: Duration, fn: TimerFunction): void;
export function timer(app: App, every: Duration, first: TimerOptions | TimerFunction, second?: TimerFunction): void {
  const definition = definitionOf(app);
  const options = typeof first === "function" ? {} : first;
  const fn = typeof first === "function" ? first : second;
  if (typeof fn !== "function") {
    throw new MephistoError("INVALID_OPTION", "timer(app, every, options?, fn): the last argument is not a function.");
  }
  const name = nameOf(options?.name, fn, "timer");
  checkOptions(options, OPTIONS, `timer ${name}`);
  if (definition.timers.has(name)) {
    throw new MephistoError("DUPLICATE_NAME", `App ${definition.id} has a timer ${JSON.stringify(name)} already.`);
  }
  const interval = positiveMilliseconds(every, `The interval of timer ${name}`);
  const rule = everyRule(interval);
  definition.timers.set(name, {
    name,
    interval,
    rule,
    onMaster: options.onMaster ?? false,
    policy: policyOf(options, `timer ${name}`),
    fn,
  });
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

const CATCH_UP_WITHIN = "1h";

/** Fills in what an option leaves out. Errors: `INVALID_DURATION`. */
function policyOf(options: TimerOptions, what: string): TimerPolicy {
  const { overlap = "skip", catchUp = "one", retry = 0, immediately = false } = options;
  return {
    overlap,
    catchUp,
    catchUpWithin: milliseconds(options.catchUpWithin ?? CATCH_UP_WITHIN, `catchUpWithin of ${what}`),
    retry,
    timeout: options.timeout === undefined ? undefined : positiveMilliseconds(options.timeout, `timeout of ${what}`),
    spread: milliseconds(options.spread ?? 0, `spread of ${what}`),
    immediately,
  };
}
