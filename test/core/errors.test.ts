import assert from "node:assert/strict";
import { test } from "node:test";
import { groupBy } from "../../src/core/group-by.ts";
import { isRetriable, MephistoError, messageOf } from "../../src/core/errors.ts";

test("an error has a code, a sentence and its cause", () => {
  const cause = new Error("refused");
  const error = new MephistoError("UNREACHABLE", "No broker answers.", { cause });
  assert.ok(error instanceof Error);
  assert.deepEqual([error.name, error.code, error.message, error.cause], [
    "MephistoError",
    "UNREACHABLE",
    "No broker answers.",
    cause,
  ]);
  assert.equal(String(error), "MephistoError: No broker answers.");
});

test("an error says whether waiting mends it: as its code does, unless whoever raises it knows better", () => {
  const of = (...more: ConstructorParameters<typeof MephistoError>) => new MephistoError(...more).retriable;
  assert.deepEqual([of("UNREACHABLE", ""), of("NOT_AUTHORIZED", ""), of("PROTOCOL", "")], [true, false, false]);
  assert.deepEqual([of("PROTOCOL", "", { retriable: true }), of("UNREACHABLE", "", { retriable: false })], [
    true,
    false,
  ]);
  assert.equal(isRetriable(new MephistoError("SEND_TIMEOUT", "")), true);
  assert.equal(isRetriable(Object.assign(new Error(), { code: "UNREACHABLE", retriable: true })), false);
  assert.equal(new MephistoError("UNREACHABLE", "", { retriable: true }).cause, undefined);
  assert.ok(!("cause" in new MephistoError("UNREACHABLE", "")));
});

test("anything that is thrown has a sentence", () => {
  assert.deepEqual([new TypeError("a"), "b", undefined, null, 5].map(messageOf), ["a", "b", "undefined", "null", "5"]);
});

test("groups are in the order of first sight", () => {
  const groups = groupBy([3, 1, 4, 1, 5, 9], (number) => number % 2);
  assert.deepEqual([...groups], [[1, [3, 1, 1, 5, 9]], [0, [4]]]);
});
