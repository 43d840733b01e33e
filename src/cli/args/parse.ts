import type { ArgsDef } from "citty";
import { suggestion } from "../../core/nearest.ts";

/** A command line that makes no sense; the message is a sentence for the person who typed it. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    usageErrors.add(this);
  }
}

const usageErrors = new WeakSet<object>();

/** Unlike `instanceof` this never throws, whatever a program has thrown. */
export function isUsageError(thrown: unknown): thrown is UsageError {
  return typeof thrown === "object" && thrown !== null && usageErrors.has(thrown);
}

interface Flag {
  readonly name: string;
  readonly isBoolean: boolean;
}

/** A word that looks like a flag but is a negative number. */
const NUMBER = /^-\.?\d/;

/**
 * Checks a command's own words, which citty does not (it ignores unknown flags and words too many), and brings them into
 * the one form that it reads without surprise: `--flag=value` for each flag, then `--`, then the positional words.
 *
 * Taken are `-p6066`, `-p=6066`, `-p 6066`, `--web-port=6066`, `--web-port 6066`, `--no-flag`, and anything after `--`.
 * A value may not begin with a dash unless it is written with `=`, so that a forgotten value does not swallow a flag.
 */
export function normalise(words: readonly string[], definition: ArgsDef): string[] {
  const flags = flagsOf(definition);
  const positionals = Object.entries(definition).filter(([, argument]) => argument.type === "positional");
  const out: string[] = [];
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") {
      rest.push(...words.slice(index + 1));
      break;
    }
    if (!isFlag(word)) {
      rest.push(word);
      continue;
    }
    const { name, value, negated } = split(word, flags);
    const flag = flags.get(name);
    if (flag === undefined) throw unknownFlag(word, name, flags);
    if (flag.isBoolean) {
      out.push(switched(flag, value, negated));
      continue;
    }
    const next = words[index + 1];
    if (value !== undefined) out.push(`--${flag.name}=${value}`);
    else if (next !== undefined && !isFlag(next)) out.push(`--${flag.name}=${words[++index]}`);
    else throw new UsageError(`--${flag.name} needs a value.`);
  }
  const extra = rest[positionals.length];
  if (extra !== undefined) throw new UsageError(`Unexpected argument ${JSON.stringify(extra)}.`);
  const missing = positionals.slice(rest.length).find(([, argument]) => argument.required !== false);
  if (missing) throw new UsageError(`Missing argument <${missing[0]}>.`);
  return rest.length > 0 ? [...out, "--", ...rest] : out;
}

/** The values of a flag that may be given several times, from a normalised command line. */
export function repeated(normalised: readonly string[], flag: string): string[] {
  const end = normalised.indexOf("--");
  const own = end < 0 ? normalised : normalised.slice(0, end);
  const prefix = `--${flag}=`;
  return own.filter((word) => word.startsWith(prefix)).map((word) => word.slice(prefix.length));
}

/** Whether a word is a flag: `-` stands for a file in other programs, and `-5` is a number. */
export function isFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-" && !NUMBER.test(word);
}

function flagsOf(definition: ArgsDef): Map<string, Flag> {
  const flags = new Map<string, Flag>();
  for (const [name, argument] of Object.entries(definition)) {
    if (argument.type === "positional") continue;
    const flag = { name, isBoolean: argument.type === "boolean" };
    flags.set(name, flag);
    const aliases = "alias" in argument ? argument.alias ?? [] : [];
    for (const alias of typeof aliases === "string" ? [aliases] : aliases) flags.set(alias, flag);
  }
  return flags;
}

function split(word: string, flags: Map<string, Flag>): { name: string; value: string | undefined; negated: boolean } {
  if (!word.startsWith("--")) {
    const long = word.slice(1).split("=")[0] ?? "";
    if (long.length > 1 && flags.has(long)) throw new UsageError(`Unknown flag -${long}. Did you mean --${long}?`);
    const value = word.length === 2 ? undefined : word.slice(word[2] === "=" ? 3 : 2);
    return { name: word.slice(1, 2), value, negated: false };
  }
  const equals = word.indexOf("=");
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  const value = equals < 0 ? undefined : word.slice(equals + 1);
  const positive = name.startsWith("no-") ? name.slice(3) : "";
  if (!flags.has(name) && flags.get(positive)?.isBoolean) return { name: positive, value, negated: true };
  // A one-letter name is written with one dash.
  return { name: name.length === 1 ? "" : name, value, negated: false };
}

function switched(flag: Flag, value: string | undefined, negated: boolean): string {
  if (negated && value === undefined) return `--no-${flag.name}`;
  if (negated || (value !== undefined && value !== "true" && value !== "false")) {
    throw new UsageError(`--${negated ? "no-" : ""}${flag.name} takes no value.`);
  }
  return value === "false" ? `--no-${flag.name}` : `--${flag.name}`;
}

function unknownFlag(word: string, name: string, flags: Map<string, Flag>): UsageError {
  if (!word.startsWith("--")) return new UsageError(`Unknown flag ${word.slice(0, 2)}.`);
  const written = word.split("=")[0] ?? word;
  const long = [...flags.keys()].filter((known) => known.length > 1);
  return new UsageError(`Unknown flag ${written}.${suggestion(name, long, "--")}`);
}
