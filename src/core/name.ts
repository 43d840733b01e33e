import { MephistoError } from "./errors.ts";

/** Kafka's topic names are at most 249 long; the longest that is made of an id and a name ends in `.dead`. */
const LONGEST = 100;
const LEGAL = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Checks an id or a name that becomes part of a topic's name. Errors: `INVALID_NAME`. */
export function checkName(name: string, what: string, why = "It becomes part of a topic's name"): string {
  if (typeof name === "string" && name.length <= LONGEST && LEGAL.test(name)) return name;
  throw new MephistoError(
    "INVALID_NAME",
    `${what}: ${JSON.stringify(name)} is not a name. ${why}: at most ${LONGEST} of the ` +
      `characters A-Z a-z 0-9 . _ -, the first a letter or a digit.`,
  );
}

/**
 * The name of an actor or a timer: the one that was given, or the function's own. Since it makes the topic, a name that
 * a build may have changed is an error: a function without a name, or with one of one or two letters.
 */
export function nameOf(
  given: string | undefined,
  fn: { readonly name: string },
  what: "actor" | "timer" | "cron" | "task",
): string {
  if (given !== undefined) return checkName(given, `The name of this ${what}`);
  if (fn.name.length > 2) return checkName(fn.name, `The function's name of this ${what}`);
  const found = fn.name === "" ? "its function has no name" : `its function is called ${JSON.stringify(fn.name)}`;
  throw new MephistoError(
    "INVALID_NAME",
    `This ${what} has no reliable name: ${found}, which is what a build that shortens names leaves behind. ` +
      `Say it: ${what}(app, …, { name: "…" }, …).`,
  );
}
