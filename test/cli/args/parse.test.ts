import assert from "node:assert/strict";
import { test } from "node:test";
import { isFlag, normalise, repeated, UsageError } from "../../../src/cli/args/parse.ts";

const flags = {
  loglevel: { type: "string", alias: "l" },
  "web-port": { type: "string", alias: "p" },
  "without-web": { type: "boolean", alias: "w" },
} as const;
const send = { actor: { type: "positional" }, value: { type: "positional" }, key: { type: "string" } } as const;
const maybe = { file: { type: "positional", required: false } } as const;

const taken: [string, readonly string[], Parameters<typeof normalise>[1], readonly string[]][] = [
  ["nothing", [], flags, []],
  ["-p6066", ["-p6066"], flags, ["--web-port=6066"]],
  ["-p=6066", ["-p=6066"], flags, ["--web-port=6066"]],
  ["-p 6066", ["-p", "6066"], flags, ["--web-port=6066"]],
  ["--web-port=6066", ["--web-port=6066"], flags, ["--web-port=6066"]],
  ["--web-port 6066", ["--web-port", "6066"], flags, ["--web-port=6066"]],
  ["a value that has an equals sign", ["--loglevel=a=b"], flags, ["--loglevel=a=b"]],
  ["an empty value", ["--loglevel="], flags, ["--loglevel="]],
  ["a value with a dash, by an equals sign", ["--loglevel=-x"], flags, ["--loglevel=-x"]],
  ["a negative number as a value", ["-p", "-5"], flags, ["--web-port=-5"]],
  ["a boolean", ["--without-web"], flags, ["--without-web"]],
  ["a boolean by its letter", ["-w"], flags, ["--without-web"]],
  ["--no-", ["--no-without-web"], flags, ["--no-without-web"]],
  ["=true", ["--without-web=true"], flags, ["--without-web"]],
  ["=false", ["--without-web=false"], flags, ["--no-without-web"]],
  ["words and flags mixed", ["say", "--key", "k", "hello"], send, ["--key=k", "--", "say", "hello"]],
  ["a negative number as a word", ["say", "-5"], send, ["--", "say", "-5"]],
  ["a dash as a word", ["say", "-"], send, ["--", "say", "-"]],
  ["anything after --", ["say", "--", "--key"], send, ["--", "say", "--key"]],
  ["a word that may be left out", [], maybe, []],
];
for (const [name, words, definition, expected] of taken) {
  test(`parse takes ${name}`, () => assert.deepEqual(normalise(words, definition), expected));
}

const refused: [string, readonly string[], Parameters<typeof normalise>[1], string][] = [
  ["an unknown flag", ["--colour"], flags, "Unknown flag --colour."],
  ["a misspelt flag", ["--web-prot=1"], flags, "Unknown flag --web-prot. Did you mean --web-port?"],
  ["an unknown letter", ["-x"], flags, "Unknown flag -x."],
  ["a letter with two dashes", ["--p", "1"], flags, "Unknown flag --p."],
  ["a name with one dash", ["-web-port", "1"], flags, "Unknown flag -web-port. Did you mean --web-port?"],
  [
    "a name with one dash that begins with a letter",
    ["-loglevel=info"],
    flags,
    "Unknown flag -loglevel. Did you mean --loglevel?",
  ],
  ["a missing value", ["--web-port"], flags, "--web-port needs a value."],
  ["a flag in the place of a value", ["-p", "-l", "info"], flags, "--web-port needs a value."],
  ["-- in the place of a value", ["-p", "--"], flags, "--web-port needs a value."],
  ["a value for a boolean", ["--without-web=maybe"], flags, "--without-web takes no value."],
  ["a value for a negated boolean", ["--no-without-web=true"], flags, "--no-without-web takes no value."],
  ["--no- of what is no boolean", ["--no-web-port"], flags, "Unknown flag --no-web-port. Did you mean --web-port?"],
  ["a word too many", ["a", "b", "c"], send, 'Unexpected argument "c".'],
  ["a word too many where none belongs", ["now"], flags, 'Unexpected argument "now".'],
  ["a word too few", ["say"], send, "Missing argument <value>."],
];
for (const [name, words, definition, message] of refused) {
  test(`parse refuses ${name}`, () => {
    assert.throws(
      () => normalise(words, definition),
      (error) => error instanceof UsageError && error.message === message,
    );
  });
}

test("repeated gives all values of a flag, and none of the words", () => {
  const words = ["--header=a=1", "--header=b=2", "--", "--header=c=3"];
  assert.deepEqual(repeated(words, "header"), ["a=1", "b=2"]);
});

test("isFlag tells flags from numbers and the lone dash", () => {
  assert.deepEqual(["-p", "--p", "-", "-5", "-.5", "p"].map(isFlag), [true, true, false, false, false, false]);
});
