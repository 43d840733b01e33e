import { UsageError } from "./parse.ts";

/** Reads a whole number of a flag; `otherwise` when it is not given. Errors: a `UsageError` for anything else. */
export function countOf(flag: string, text: string | undefined, from: number, to: number, otherwise: number): number {
  if (text === undefined) return otherwise;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= from && count <= to) return count;
  throw new UsageError(`--${flag}: ${JSON.stringify(text)} is not a number from ${from} to ${to}.`);
}
