import assert from "node:assert/strict";
import { test } from "node:test";
import { distance, nearest } from "../../src/core/nearest.ts";

test("distance counts letters changed, added, dropped and swapped", () => {
  assert.equal(distance("", ""), 0);
  assert.equal(distance("", "abc"), 3);
  assert.equal(distance("worker", "worker"), 0);
  assert.equal(distance("wroker", "worker"), 1);
  assert.equal(distance("worke", "worker"), 1);
  assert.equal(distance("kitten", "sitting"), 3);
});

test("nearest finds what was meant, and nothing where nothing is near", () => {
  assert.equal(nearest("wroker", ["worker", "list", "send"]), "worker");
  assert.equal(nearest("LIST", ["worker", "list"]), "list");
  assert.equal(nearest("dance", ["worker", "list", "send"]), undefined);
  assert.equal(nearest("x", []), undefined);
});
