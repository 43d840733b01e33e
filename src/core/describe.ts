/**
 * A program throws and returns what it likes: what has no prototype, a Proxy whose traps throw, an error whose `message`
 * is an object. Nothing in this file throws, whatever it is handed, and no text that it gives is long.
 */

/** The longest text about one value, in characters. */
const LONGEST_TEXT_CHARS = 2000;
const LONGEST_STACK_CHARS = 20_000;
/** So many causes, and so many errors of an `AggregateError`, are named. */
const MOST_NAMED = 3;
/** An object is shown so deep, and so many of its entries. */
const DEEPEST = 2;
const MOST_ENTRIES = 10;

/** The sentence of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return bounded(isErrorLike(thrown) ? sentenceOf(thrown, MOST_NAMED) : describeValue(thrown));
}

/** An error of the user's code, with its causes and the place that it came from. */
export function describeThrown(thrown: unknown): string {
  if (!isErrorLike(thrown)) return messageOf(thrown);
  let sentence = sentenceOf(thrown, MOST_NAMED);
  let cause = property(thrown, "cause");
  for (let named = 0; named < MOST_NAMED && cause !== undefined && cause !== null; named++) {
    const why = messageOf(cause);
    if (!sentence.includes(why)) sentence = `${withoutStop(sentence)}: ${why}`;
    cause = property(cause, "cause");
  }
  const place = stackOf(thrown)?.split("\n").find((line) => /^\s*at /.test(line))?.trim();
  return place === undefined ? bounded(sentence) : `${bounded(sentence)} (${bounded(place)})`;
}

/** The stack of an error, if it has one that is text. */
export function stackOf(thrown: unknown): string | undefined {
  const stack = isErrorLike(thrown) ? property(thrown, "stack") : undefined;
  return typeof stack === "string" && stack !== "" ? bounded(stack, LONGEST_STACK_CHARS) : undefined;
}

/** The `code` of an error, of Mephisto or of the runtime (`ECONNREFUSED`), if it is a text. */
export function codeOf(thrown: unknown): string | undefined {
  const code = property(thrown, "code");
  return typeof code === "string" ? bounded(code) : undefined;
}

/** Any value, for a person: `{ status: 500 }`, `"text"` as it is, `Uint8Array(5)`, `function charge`. */
export function describeValue(value: unknown): string {
  return bounded(typeof value === "string" ? value : shown(value, DEEPEST));
}

/** As {@link describeValue}, but text in quotes. */
export function describeQuoted(value: unknown): string {
  return bounded(shown(value, DEEPEST));
}

/** What sort of value it is, without what is in it: `number`, `Promise`, `null`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value !== "object") return typeof value;
  return nameOf(value) ?? "an object";
}

/** Whether it is an error: also one of another realm, and what only looks like one. */
function isErrorLike(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (attempt(() => value instanceof Error) || tagOf(value) === "Error") return true;
  return typeof property(value, "message") === "string" && typeof property(value, "stack") === "string";
}

/** What an error says; if that is nothing, what it stands for or is called. `most`: how many of its own it may name. */
function sentenceOf(error: object, most: number): string {
  const message = property(error, "message");
  const own = typeof message === "string" ? message : message === undefined ? "" : shown(message, DEEPEST);
  const several = property(error, "errors");
  const listed = attempt(() => Array.isArray(several) ? several.slice(0, most) : []) ?? [];
  const all = listed.map((each: unknown) => isErrorLike(each) ? sentenceOf(each, 0) : describeValue(each)).join("; ");
  if (own !== "" && all !== "") return `${withoutStop(own)}: ${all}`;
  if (own !== "" || all !== "") return own || all;
  const name = property(error, "name");
  return `${typeof name === "string" && name !== "" ? name : "an error"} without a message`;
}

function shown(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(bounded(value));
    case "function": {
      const name = property(value, "name");
      return typeof name === "string" && name !== "" ? `function ${name}` : "a function";
    }
    case "object":
      return value === null ? "null" : attempt(() => shownObject(value, depth)) ?? "an object that cannot be read";
    default:
      return String(value);
  }
}

function shownObject(value: object, depth: number): string {
  if (ArrayBuffer.isView(value)) return `${nameOf(value) ?? "bytes"}(${value.byteLength})`;
  if (isErrorLike(value)) return sentenceOf(value, 0);
  if (Array.isArray(value)) return shownList(value, depth);
  const text = ownWords(value);
  if (text !== undefined) return text;
  const kind = nameOf(value);
  const size = property(value, "size");
  if (kind !== undefined && typeof size === "number") return `${kind}(${size})`;
  const prefix = kind === undefined ? "" : `${kind} `;
  const keys = Reflect.ownKeys(value).filter((key) => typeof key === "string");
  if (keys.length === 0) return `${prefix}{}`;
  if (depth === 0) return `${prefix}{…}`;
  const entries = keys.slice(0, MOST_ENTRIES).map((key) => {
    const { value: entry, get } = Object.getOwnPropertyDescriptor(value, key) ?? {};
    return `${/^[\w$]+$/.test(key) ? key : JSON.stringify(bounded(key))}: ${get ? "…" : shown(entry, depth - 1)}`;
  });
  if (keys.length > MOST_ENTRIES) entries.push("…");
  return `${prefix}{ ${entries.join(", ")} }`;
}

function shownList(list: readonly unknown[], depth: number): string {
  if (depth === 0 && list.length > 0) return "[…]";
  const entries = list.slice(0, MOST_ENTRIES).map((entry) => shown(entry, depth - 1));
  if (list.length > MOST_ENTRIES) entries.push("…");
  return `[${entries.join(", ")}]`;
}

/** What an object says of itself, if it has words of its own for that. */
function ownWords(value: object): string | undefined {
  const method = property(value, "toString");
  if (typeof method !== "function" || method === Object.prototype.toString) return undefined;
  const text = attempt((): unknown => method.call(value));
  return typeof text === "string" && text !== "" && !/^\[object [^\]]*\]$/.test(text) ? bounded(text) : undefined;
}

/** The name of an object's class, unless that says nothing. */
function nameOf(value: object): string | undefined {
  const name = property(property(value, "constructor"), "name");
  return typeof name === "string" && name !== "" && name !== "Object" ? bounded(name) : undefined;
}

function tagOf(value: object): string | undefined {
  return attempt(() => Object.prototype.toString.call(value).slice("[object ".length, -1));
}

/** A property of whatever it is; undefined also when it cannot be read. */
function property(of: unknown, name: string): unknown {
  if ((typeof of !== "object" && typeof of !== "function") || of === null) return undefined;
  return attempt((): unknown => Reflect.get(of, name));
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A sentence that another one goes on from. */
export function withoutStop(sentence: string): string {
  return sentence.replace(/\.$/, "");
}

function bounded(text: string, most = LONGEST_TEXT_CHARS): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
