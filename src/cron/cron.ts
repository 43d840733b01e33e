import type { App } from "../core/definition.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import { suggestion } from "../core/nearest.ts";
import { kinds } from "../core/options.ts";
import type { Rule } from "../core/rule.ts";
import type { SerializerSpec } from "../core/serializer.ts";
import { defineTimer } from "../core/define-timer.ts";
import type { TimerFunction, TimerOptions } from "../core/timer.ts";
import { cronRule } from "./rule.ts";
import { zoneOf } from "./zone.ts";

/** Options of a timer that runs by the calendar. */
export interface CronOptions extends TimerOptions {
  /** The zone whose clock is meant, by its IANA name: `"Europe/Berlin"`. Default `"UTC"`, whatever the machine says. */
  timezone?: string;
}

/**
 * Defines a timer that runs by the calendar. The pattern's five fields are minute, hour, day of the month, month and day of
 * the week; a sixth one in front is seconds. A field is `*`, a value, a list `1,15`, a range `mon-fri` or a step `*\/5`;
 * `L` is the last day of the month, `fri#2` the second Friday. A day of the month and a day of the week together mean
 * either of them. `@daily` and the like are patterns too.
 *
 * The clock is UTC's unless a `timezone` is given: a machine's own zone would make workers disagree. When that zone's clock
 * is changed:
 *
 * - Fixed times (`30 2 * * *`, also lists and ranges) run exactly once. A time that the clock is put forward over runs
 *   as soon as it has been; several such times are one run. A time that is there twice runs at the first.
 * - With a wildcard or a step in seconds, minutes or hours (`*\/5 * * * *`) it is the clock's rhythm that is meant: it goes
 *   on through the hour that comes again, and what the clock is put forward over is not made up for.
 *
 * Errors: `INVALID_OPTION` for a pattern or a zone that is none, and for a pattern that never comes; `INVALID_NAME`,
 * `DUPLICATE_NAME`, `INVALID_DURATION`.
 *
 * ```ts
 * import { app, cron } from "mephisto";
 * const shop = app("shop");
 * cron(shop, "0 8 * * mon-fri", { timezone: "Europe/Berlin", onMaster: true }, async function report({ scheduledAt }) {
 *   await Promise.resolve(scheduledAt);
 * });
 * ```
 */
export function cron(
  app: App<SerializerSpec, SerializerSpec>,
  pattern: string,
  options: CronOptions,
  fn: TimerFunction,
): void;
/** Defines a timer that runs by the calendar, in UTC, on every worker. */
export function cron(app: App<SerializerSpec, SerializerSpec>, pattern: string, fn: TimerFunction): void;
export function cron(app: App, pattern: string, first: CronOptions | TimerFunction, second?: TimerFunction): void {
  const rule = (what: string) => {
    const { timezone = "UTC" }: CronOptions = typeof first === "function" ? {} : first;
    return ruleOf(pattern, timezone, what);
  };
  defineTimer(app, "cron", { timezone: kinds.text }, first, second, rule);
}

/** Some moment; what comes after it never, never comes. */
const BEGINNING = Date.UTC(2000, 0, 1);

function ruleOf(pattern: unknown, timezone: string, what: string): Rule {
  checkZone(timezone, what);
  const refuse = (why: string, cause?: unknown) =>
    new MephistoError("INVALID_OPTION", `The pattern of ${what}, ${JSON.stringify(pattern)}, ${why}`, { cause });
  if (typeof pattern !== "string") throw refuse(`is not text. ${FORM}`);
  // What croner takes beside patterns: a date, and the moment of the definition, which is another one on each worker.
  if (pattern.includes(":")) throw refuse(`is a date and not a cron pattern. ${FORM}`);
  if (pattern.includes("?")) throw refuse(`has a ?, which would be another time on each worker. ${FORM}`);
  let rule: Rule;
  try {
    rule = cronRule(pattern, timezone);
  } catch (error) {
    throw refuse(`is not a cron pattern: ${reasonOf(error)}. ${FORM}`, error);
  }
  if (rule.next(BEGINNING) === undefined) throw refuse("never comes: no month has such a day.");
  return rule;
}

const FORM = 'Write minute, hour, day, month and weekday, as in "0 8 * * mon-fri", or six fields with seconds first.';

/** croner's own words, without its name, and without numbers that it counts from 0. */
function reasonOf(error: unknown): string {
  const [sentence = ""] = messageOf(error).replace(/^CronPattern: (Syntax error, )?|\.$/g, "").split(". ");
  const field = /^Invalid value for (\w+):/.exec(sentence)?.[1];
  if (field !== undefined) return `its ${field} is out of range`;
  if (/(space separated|requires exactly)/.test(sentence)) return "it has not five or six fields";
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

function checkZone(timezone: string, what: string): void {
  try {
    zoneOf(timezone);
  } catch (cause) {
    const hint = suggestion(timezone, Intl.supportedValuesOf("timeZone")) || ' Give one such as "Europe/Berlin".';
    const sentence = `The timezone of ${what}, ${JSON.stringify(timezone)}, is not known here.${hint}`;
    throw new MephistoError("INVALID_OPTION", sentence, { cause });
  }
}
