import { describeValue, MephistoError } from "./errors.ts";
import { suggestion } from "./nearest.ts";

/** What an option may be, in words for the error and as a check. */
export interface Kind {
  readonly words: string;
  is(value: unknown): boolean;
  /** If it is one of some words: these. */
  readonly known?: readonly string[];
}

/** The kinds of options' values. */
export const kinds: Readonly<
  Record<
    "text" | "flag" | "count" | "countOrNone" | "duration" | "serializer" | "object" | "flagOrObject" | "size",
    Kind
  >
> = {
  text: { words: "text", is: (value) => typeof value === "string" },
  flag: { words: "true or false", is: (value) => typeof value === "boolean" },
  count: { words: "a whole number of at least 1", is: (value) => Number.isInteger(value) && Number(value) > 0 },
  countOrNone: { words: "a whole number of at least 0", is: (value) => Number.isInteger(value) && Number(value) >= 0 },
  duration: { words: "a duration", is: (value) => typeof value === "number" || typeof value === "string" },
  size: {
    words: 'a number of bytes, or a size such as "128MiB"',
    is: (value) => typeof value === "string" || Number.isSafeInteger(value) && Number(value) > 0,
  },
  /** Checked by what reads it. */
  serializer: { words: "a serializer", is: () => true },
  object: { words: "an object", is: isObject },
  flagOrObject: { words: "true, false or an object", is: (value) => typeof value === "boolean" || isObject(value) },
};

/** One of these words. */
export function oneOf(words: readonly string[]): Kind {
  return {
    words: `one of ${words.map((word) => JSON.stringify(word)).join(", ")}`,
    is: (value) => words.some((word) => word === value),
    known: words,
  };
}

/**
 * Checks the options of an app, an actor or a timer: known names, values of the right kind. A misspelt option would
 * otherwise do nothing, in silence. Errors: `INVALID_OPTION`.
 */
export function checkOptions(options: unknown, known: Readonly<Record<string, Kind>>, what: string): void {
  if (!isObject(options)) {
    throw new MephistoError(
      "INVALID_OPTION",
      `The options of ${what} are not an object, but ${describeValue(options)}.`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      const hint = suggestion(name, Object.keys(known)) || ` There are ${Object.keys(known).join(", ")}.`;
      throw new MephistoError("INVALID_OPTION", `${capital(what)} has no option ${JSON.stringify(name)}.${hint}`);
    }
    if (value !== undefined && !kind.is(value)) {
      const hint = typeof value === "string" && kind.known ? suggestion(value, kind.known) : "";
      throw new MephistoError("INVALID_OPTION", `The option ${name} of ${what} is not ${kind.words}.${hint}`);
    }
  }
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
