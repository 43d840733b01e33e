import { describeQuoted, MephistoError } from "./errors.ts";

/** A topic's name is at most 249 long; what is made of an id and a name has room for more in it. */
const LONGEST_NAME_CHARS = 100;
const LEGAL = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Checks an id or a name that becomes part of a topic's name. Errors: `INVALID_NAME`. */
export function checkName(name: string, what: string, why = "It becomes part of a topic's name"): string {
  if (typeof name === "string" && name.length <= LONGEST_NAME_CHARS && LEGAL.test(name)) return name;
  throw new MephistoError(
    "INVALID_NAME",
    `${what}: ${describeQuoted(name)} is not a name. ${why}: at most ${LONGEST_NAME_CHARS} of the ` +
      `characters A-Z a-z 0-9 . _ -, the first a letter or a digit.`,
  );
}

/** Kafka's own rule for a topic, which somebody else may have named. */
const LONGEST_TOPIC_CHARS = 249;
const TOPIC = /^[A-Za-z0-9._-]+$/;

/** Checks the name of a topic. Errors: `INVALID_NAME`. */
export function checkTopic(name: string, what: string): string {
  const legal = typeof name === "string" && name.length <= LONGEST_TOPIC_CHARS && TOPIC.test(name);
  if (legal && name !== "." && name !== "..") return name;
  throw new MephistoError(
    "INVALID_NAME",
    `${what}: ${
      describeQuoted(name)
    } is not a name that Kafka takes: at most ${LONGEST_TOPIC_CHARS} of the characters ` +
      `A-Z a-z 0-9 . _ -, and not "." or "..".`,
  );
}

/** A topic's name with an ending, which a long name makes room for: then a hash keeps it apart from others. */
export function topicWith(name: string, ending: string): string {
  if (name.length + ending.length <= LONGEST_TOPIC_CHARS) return name + ending;
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  const end = `-${(hash >>> 0).toString(16).padStart(8, "0")}${ending}`;
  return name.slice(0, LONGEST_TOPIC_CHARS - end.length) + end;
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
