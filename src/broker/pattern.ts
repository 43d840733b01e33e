/**
 * Regular expressions whose matching takes time in proportion to the text, as RE2's, which is what Kafka uses: a client
 * may send any pattern, and JavaScript's own would let it hold up the whole broker. The commonest part of RE2's syntax:
 * literals, `.`, classes, groups, `|`, `* + ? {n,m}` (lazy or not), `^ $ \A \z`, and the escapes `\d \s \w` and their
 * opposites, named classes; no back references and no look-around, which RE2 has not either.
 */
export interface Pattern {
  /** Whether it matches the whole of a text. Throws `PatternError` once it has taken too long for all texts together. */
  matches(text: string): boolean;
}

/** A pattern that cannot be used, and why in a sentence. */
export class PatternError extends Error {
  override name = "PatternError";
}

type Test = (char: number) => boolean;
/** The states that a state goes on to, at once or after a character that passes its test. */
interface State {
  readonly test?: Test;
  readonly isAllowed?: (text: readonly number[], at: number) => boolean;
  readonly next: number[];
}

/** As many states as RE2 allows repetitions; a larger pattern would take long on long texts. */
const MAX_STATES = 1000;
const MAX_DEPTH = 100;
/** States that are looked at, over all texts: about a second's worth. */
const MAX_STEPS = 10_000_000;

/** Throws `PatternError`. */
export function parsePattern(source: string): Pattern {
  const parser = new Parser(source);
  const end = parser.whole();
  const budget = { steps: MAX_STEPS };
  const codesOf = (text: string) => [...text].map((char) => char.codePointAt(0) ?? 0);
  return { matches: (text) => matches(parser.states, end, codesOf(text), budget) };
}

function matches(states: readonly State[], end: number, text: readonly number[], budget: { steps: number }): boolean {
  let now = new Set<number>();
  const enter = (into: Set<number>, first: number, at: number) => {
    const waiting = [first];
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      const { test, isAllowed, next } = states[state] ?? { next: [] };
      if (into.has(state) || isAllowed?.(text, at) === false) continue;
      into.add(state);
      if (test === undefined) waiting.push(...next);
    }
  };
  enter(now, 0, 0);
  for (const [at, char] of text.entries()) {
    if ((budget.steps -= now.size) < 0) throw new PatternError("the pattern takes too long");
    const then = new Set<number>();
    for (const state of now) {
      const { test, next } = states[state] ?? { next: [] };
      if (test?.(char) === true) { for (const one of next) enter(then, one, at + 1); }
    }
    if (then.size === 0) return false;
    now = then;
  }
  return now.has(end);
}

/** Makes states while it reads: each part is built behind a state that is given, and gives the state that it ends in. */
class Parser {
  readonly states: State[] = [{ next: [] }];
  readonly #source: string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = [...source];
  }

  whole(): number {
    const end = this.#alternatives(0);
    if (this.#at < this.#source.length) throw new PatternError("a parenthesis is closed that was not opened");
    return end;
  }

  #state(state: Omit<State, "next"> = {}): number {
    if (this.states.length >= MAX_STATES) throw new PatternError("the pattern is too large");
    return this.states.push({ ...state, next: [] }) - 1;
  }

  #link(from: number, to: number): void {
    this.states[from]?.next.push(to);
  }

  #alternatives(from: number): number {
    const end = this.#state();
    do {
      const start = this.#state();
      this.#link(from, start);
      this.#link(this.#sequence(start), end);
    } while (this.#take("|"));
    return end;
  }

  #sequence(from: number): number {
    let end = from;
    while (this.#at < this.#source.length && !this.#isNext("|") && !this.#isNext(")")) end = this.#repeated(end);
    return end;
  }

  #repeated(from: number): number {
    const begin = this.#at;
    let start = this.#state();
    this.#link(from, start);
    let end = this.#atom(start);
    const times = this.#times();
    if (times === undefined) return end;
    const [min, max] = times;
    this.#take("?");
    const rest = this.#at;
    if (this.#isNext("*") || this.#isNext("+") || this.#isNext("?")) throw new PatternError("a repetition is repeated");
    // The atom is read again for each of its copies.
    const copy = (behind: number) => {
      this.#at = begin;
      start = this.#state();
      this.#link(behind, start);
      return end = this.#atom(start);
    };
    const out = this.#state();
    if (min === 0) this.#link(from, out);
    for (let i = 1; i < min; i++) copy(end);
    if (max === Infinity) {
      this.#link(end, start);
      if (min === 0) this.#link(end, out);
    }
    for (let i = Math.max(min, 1); max !== Infinity && i < max; i++) {
      this.#link(end, out);
      copy(end);
    }
    if (max > 0) this.#link(end, out);
    this.#at = rest;
    return out;
  }

  #times(): readonly [min: number, max: number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const [all, min, comma, max] = /^\{(\d+)(,?)(\d*)\}/.exec(this.#source.slice(this.#at, this.#at + 12).join("")) ??
      [];
    if (all === undefined) return undefined;
    this.#at += all.length;
    const least = Number(min);
    const most = comma === "" ? least : max === "" ? Infinity : Number(max);
    if (most < least || least > MAX_STATES) throw new PatternError(`the repetition ${all} makes no sense`);
    return [least, most];
  }

  #atom(from: number): number {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group(from);
      case "[":
        return this.#tested(from, this.#class());
      case ".":
        return this.#tested(from, (one) => one !== 10);
      case "^":
        return this.#asserted(from, (_, at) => at === 0);
      case "$":
        return this.#asserted(from, (text, at) => at === text.length);
      case "\\":
        if (this.#take("A")) return this.#asserted(from, (_, at) => at === 0);
        if (this.#take("z")) return this.#asserted(from, (text, at) => at === text.length);
        return this.#tested(from, this.#escape());
      case "*":
      case "+":
      case "?":
        throw new PatternError(`there is nothing for ${char} to repeat`);
      default:
        return this.#tested(from, is(char));
    }
  }

  #group(from: number): number {
    if (this.#take("?") && !this.#take(":")) throw new PatternError("only groups of the form (…) and (?:…) are known");
    if (++this.#depth > MAX_DEPTH) throw new PatternError("groups are nested too deep");
    const end = this.#alternatives(from);
    this.#depth--;
    if (!this.#take(")")) throw new PatternError("a parenthesis is not closed");
    return end;
  }

  #class(): Test {
    const isOpposite = this.#take("^");
    const tests: Test[] = [];
    for (let isFirst = true; isFirst || !this.#isNext("]"); isFirst = false) {
      const char = this.#next();
      if (char === "[" && this.#isNext(":")) {
        tests.push(this.#named());
        continue;
      }
      const low = char === "\\" ? this.#escape() : is(char);
      if (!(this.#isNext("-") && this.#source[this.#at + 1] !== "]")) {
        tests.push(low);
        continue;
      }
      this.#at++;
      const [from, to] = [char, this.#next()].map((one) => one.codePointAt(0) ?? 0) as [number, number];
      if (char === "\\" || to === 92 || to < from) throw new PatternError("a range in a class makes no sense");
      tests.push((one) => one >= from && one <= to);
    }
    this.#at++;
    return (one) => tests.some((test) => test(one)) !== isOpposite;
  }

  /** Such as `[:alpha:]`, within a class. */
  #named(): Test {
    const [all, opposite, name = ""] =
      /^:(\^?)([a-z]+):\]/.exec(this.#source.slice(this.#at, this.#at + 12).join("")) ?? [];
    const test = NAMED.get(name);
    if (all === undefined || test === undefined) throw new PatternError("a named class is not known");
    this.#at += all.length;
    return (one) => test(one) !== (opposite === "^");
  }

  #escape(): Test {
    const char = this.#next();
    const known = ESCAPES.get(char);
    if (known !== undefined) return known;
    if (/[a-zA-Z0-9]/.test(char)) throw new PatternError(`the escape \\${char} is not known`);
    return is(char);
  }

  #tested(from: number, test: Test): number {
    return this.#appended(from, { test });
  }

  #asserted(from: number, isAllowed: (text: readonly number[], at: number) => boolean): number {
    return this.#appended(from, { isAllowed });
  }

  #appended(from: number, state: Omit<State, "next">): number {
    const [made, end] = [this.#state(state), this.#state()];
    this.#link(from, made);
    this.#link(made, end);
    return end;
  }

  #next(): string {
    const char = this.#source[this.#at++];
    if (char === undefined) throw new PatternError("the pattern ends in the middle");
    return char;
  }

  #isNext(char: string): boolean {
    return this.#source[this.#at] === char;
  }

  #take(char: string): boolean {
    const isIt = this.#isNext(char);
    if (isIt) this.#at++;
    return isIt;
  }
}

function is(char: string): Test {
  const code = char.codePointAt(0);
  return (one) => one === code;
}

const within = (...ranges: string[]): Test => {
  const codes = ranges.map((range) => [range.charCodeAt(0), range.charCodeAt(1)] as const);
  return (one) => codes.some(([from, to]) => one >= from && one <= to);
};
const not = (test: Test): Test => (one) => !test(one);

const digit = within("09");
const word = within("09", "AZ", "az", "__");
const space = within("\t\n", "\f\r", "  ");

const ESCAPES: ReadonlyMap<string, Test> = new Map([
  ["d", digit],
  ["D", not(digit)],
  ["w", word],
  ["W", not(word)],
  ["s", space],
  ["S", not(space)],
  ["t", is("\t")],
  ["n", is("\n")],
  ["r", is("\r")],
]);

const NAMED: ReadonlyMap<string, Test> = new Map([
  ["alnum", within("09", "AZ", "az")],
  ["alpha", within("AZ", "az")],
  ["digit", digit],
  ["lower", within("az")],
  ["punct", within("!/", ":@", "[`", "{~")],
  ["space", within("\t\r", "  ")],
  ["upper", within("AZ")],
  ["word", word],
  ["xdigit", within("09", "AF", "af")],
]);
