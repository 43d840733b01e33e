import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePattern, PatternError } from "../../src/broker/pattern.ts";

/** Patterns that JavaScript and RE2 understand alike. */
const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
  pattern: fc.array(tie("piece"), { maxLength: 4 }).map((pieces) => pieces.join("")),
  piece: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom("a", "b", ".", "[ab]", "[^a]", "[a-b-]", "\\d", "\\.", "\\W", "^", "$", "-", "é"),
    fc.tuple(tie("pattern"), fc.constantFrom("", "*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "{0}")).map(
      ([inner, times]) => `(${inner})${times}`,
    ),
    fc.tuple(tie("pattern"), tie("pattern")).map(([one, other]) => `(?:${one}|${other})`),
    fc.constantFrom("a*", "b+", ".?", "[ab]{2,3}", "a+?"),
  ),
}));
const text = fc.array(fc.constantFrom("a", "b", "1", ".", "-", "\n", "é"), { maxLength: 8 }).map((all) => all.join(""));

test("a pattern matches what JavaScript's own matches", () => {
  fc.assert(
    fc.property(pattern, fc.array(text, { maxLength: 10 }), (pattern, texts) => {
      const [ours, own] = [parsePattern(pattern), new RegExp(`^(?:${pattern})$`, "u")];
      for (const text of texts) assert.equal(ours.matches(text), own.test(text), `${pattern} and ${text}`);
    }),
    { numRuns: 2000 },
  );
});

test("named classes are RE2's, which JavaScript has not", () => {
  const { matches } = parsePattern("[[:alpha:]_]+[[:^alpha:]]{2}");
  assert.deepEqual(["_a12", "a12", "1a12", "ab", "a1_"].map(matches), [true, true, false, false, true]);
});

test("what would make JavaScript's own try for ever is answered at once", () => {
  const began = performance.now();
  for (const pattern of ["(x+x+)+y", "(x|x)*y", "(.*)*(.*)*(.*)*y", "((x{0,9}){0,9})y"]) {
    assert.equal(parsePattern(pattern).matches("x".repeat(5000)), false);
  }
  assert.ok(performance.now() - began < 5000);
});

test("patterns that are none, or would cost too much, are errors", () => {
  const wrong = ["(", ")", "[", "[b-a]", "*", "a**", "a{3,1}", "(?=a)", "(?<n>a)", "(.)\\1", "\\", "[[:nothing:]]"];
  const costly = ["a{1001}", "((a{100}){100}){100}", "(".repeat(20_000), "x".repeat(2000)];
  for (const pattern of [...wrong, ...costly]) assert.throws(() => parsePattern(pattern), PatternError, pattern);
  const { matches } = parsePattern("(.*){0,90}y");
  assert.throws(() => matches("x".repeat(100_000)), PatternError);
});
