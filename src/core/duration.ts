import { describeQuoted, MephistoError } from "./errors.ts";

/** A number of seconds, or text such as `"250ms"`, `"2s"`, `"1m30s"`, `"1h"`, `"7d"`. */
export type Duration = number | string;

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/**
 * A duration in milliseconds, rounded to whole ones. `what` names the setting in the error.
 *
 * Errors: `INVALID_DURATION` when it cannot be read, is negative or not finite.
 */
export function milliseconds(duration: Duration, what: string): number {
  const ms = typeof duration === "number"
    ? duration * 1000
    : typeof duration === "string"
    ? parse(duration.trim())
    : NaN;
  if (!Number.isFinite(ms) || ms < 0) {
    throw new MephistoError(
      "INVALID_DURATION",
      `${what}: ${
        describeQuoted(duration)
      } is not a duration. Give a number of seconds, or text such as "250ms", "2s" or "1m30s".`,
    );
  }
  return Math.round(ms);
}

/** As {@link milliseconds}, and at least 1 ms. */
export function positiveMilliseconds(duration: Duration, what: string): number {
  const ms = milliseconds(duration, what);
  if (ms > 0) return ms;
  throw new MephistoError(
    "INVALID_DURATION",
    `${what}: ${describeQuoted(duration)} is too short. The shortest is 1 ms.`,
  );
}

function parse(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!TEXT.test(text)) return NaN;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(PART)) ms += Number(amount) * (UNITS[unit ?? ""] ?? NaN);
  return ms;
}

/** A duration in the shortest of the forms that {@link milliseconds} reads: `"1m30s"`, `"2s"`, `"250ms"`. */
export function formatDuration(ms: number): string {
  let text = "";
  let rest = Math.round(ms);
  for (const [unit, size] of Object.entries(UNITS).reverse()) {
    const amount = Math.floor(rest / size);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * size;
  }
  return text === "" ? "0s" : text;
}
