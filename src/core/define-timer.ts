import { type App, definitionOf } from "./definition.ts";
import { type Duration, formatDuration, positiveMilliseconds } from "./duration.ts";
import { MephistoError } from "./errors.ts";
import { nameOf } from "./name.ts";
import type { Kind } from "./options.ts";
import { every as everyRule, LAST_MOMENT_MS, type Rule } from "./rule.ts";
import type { SerializerSpec } from "./serializer.ts";
import { checkTimerOptions, policyOf, type TimerFunction, type TimerOptions } from "./timer.ts";

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
  const rule = (what: string) => everyRule(intervalOf(every, `The interval of ${what}`));
  defineTimer(app, "timer", {}, first, second, rule);
}

/** One of which at least a slot can be told as a date. */
function intervalOf(every: Duration, what: string): number {
  const ms = positiveMilliseconds(every, what);
  if (ms <= LAST_MOMENT_MS) return ms;
  throw new MephistoError(
    "INVALID_DURATION",
    `${what}: ${JSON.stringify(every)} is too long. The longest is ${
      formatDuration(LAST_MOMENT_MS)
    }: no date holds more.`,
  );
}

/**
 * What all verbs that define a timer have in common. `rule` makes its slots, once the options are known to be some; `what`
 * names it in an error. `known`: the kinds of options that only this verb has.
 */
export function defineTimer(
  app: App<SerializerSpec, SerializerSpec>,
  verb: "timer" | "cron",
  known: Readonly<Record<string, Kind>>,
  first: TimerOptions | TimerFunction,
  second: TimerFunction | undefined,
  rule: (what: string) => Rule,
): void {
  const definition = definitionOf(app);
  const options: TimerOptions = typeof first === "function" ? {} : first;
  const fn = typeof first === "function" ? first : second;
  if (typeof fn !== "function") {
    const when = verb === "timer" ? "every" : "pattern";
    throw new MephistoError(
      "INVALID_OPTION",
      `${verb}(app, ${when}, options?, fn): the last argument is not a function.`,
    );
  }
  const name = nameOf(options?.name, fn, verb);
  const what = `timer ${name}`;
  checkTimerOptions(options, known, what);
  for (const kind of ["timer", "task"] as const) {
    if (!definition[`${kind}s`].has(name)) continue;
    throw new MephistoError("DUPLICATE_NAME", `App ${definition.id} has a ${kind} ${JSON.stringify(name)} already.`);
  }
  const slots = rule(what);
  const policy = policyOf(options, slots, what);
  definition.timers.set(name, { name, rule: slots, onMaster: options.onMaster ?? false, policy, fn });
}
