import assert from "node:assert/strict";
import { test } from "node:test";
import { murmur2, partitionForKey } from "../../src/wire/murmur2.ts";
import { utf8, vector, vectorNames } from "./vectors.ts";

test("murmur2: the Java client's values", () => {
  const keys = vectorNames("murmur2/");
  assert.ok(keys.length >= 12);
  for (const key of keys) assert.equal(murmur2(utf8(key)), Number(vector(`murmur2/${key}`)), key);
});

test("partitionForKey: toPositive, not abs", () => {
  // murmur2("a") is -1563381124
  assert.equal(partitionForKey(utf8("a"), 8), (-1563381124 & 0x7fffffff) % 8);
  assert.equal(partitionForKey(utf8("abc"), 8), 479470107 % 8);
});
