import { type App, definitionOf } from "./app.ts";
import { type Duration, positiveMilliseconds } from "./duration.ts";
import { MephistoError } from "./errors.ts";
import { nameOf } from "./name.ts";
import { checkOptions, kinds } from "./options.ts";
import type { SerializerSpec } from "./serializer.ts";

/** What a timer's function is given. */
export interface Tick {
  /** The moment that it stands for, in ms since the epoch: a multiple of the interval. */
  readonly slot: number;
  /** The same as a date. */
  readonly scheduledAt: Date;
  /** Grows from one master to the next; 0 for timers that run on every worker. */
  readonly epoch: number;
  /** Aborts when mastership is lost or the worker stops. */
  readonly signal: AbortSignal;
}

/** Options of a timer. */
export interface TimerOptions {
  /** Default: the function's own name. */
  name?: string;
  /** Run on exactly one worker, the master. Default false: on every worker. */
  onMaster?: boolean;
}

/** A function run at each slot. */
export type TimerFunction = (tick: Tick) => void | Promise<void>;

/** A timer as the floors above read it; `interval` in ms. */
export interface TimerDefinition {
  readonly name: string;
  readonly interval: number;
  readonly onMaster: boolean;
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
  checkOptions(options, { name: kinds.text, onMaster: kinds.flag }, `timer ${name}`);
  if (definition.timers.has(name)) {
    throw new MephistoError("DUPLICATE_NAME", `App ${definition.id} has a timer ${JSON.stringify(name)} already.`);
  }
  const interval = positiveMilliseconds(every, `The interval of timer ${name}`);
  definition.timers.set(name, { name, interval, onMaster: options.onMaster ?? false, fn });
}
