import assert from "node:assert/strict";
import { test } from "node:test";
import { groupBy } from "../../src/core/group-by.ts";
import { MephistoError, messageOf } from "../../src/core/errors.ts";

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

test("anything that is thrown has a sentence", () => {
  assert.deepEqual([new TypeError("a"), "b", undefined, null, 5].map(messageOf), ["a", "b", "undefined", "null", "5"]);
});

test("groups are in the order of first sight", () => {
  const groups = groupBy([3, 1, 4, 1, 5, 9], (number) => number % 2);
  assert.deepEqual([...groups], [[1, [3, 1, 1, 5, 9]], [0, [4]]]);
});
