import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  difference,
  isSame,
  MOST_DIFFERENCES,
  multiply,
  readSketch,
  sketchOf,
  writeSketch,
} from "../../src/core/set-sketch.ts";

const anyNames = fc.uniqueArray(fc.string({ maxLength: 12 }), { maxLength: 40 });

test("the polynomial is irreducible: x to the power of 2^32 is x, and of 2^16 it is not", () => {
  let power = 2;
  for (let i = 1; i <= 32; i++) {
    power = multiply(power, power);
    assert.equal(power === 2, i === 32, `2^${i}`);
  }
});

test("what two sets differ in is found exactly as long as it is little", () => {
  fc.assert(fc.property(anyNames, anyNames, (a, b) => {
    const differing = [...a.filter((name) => !b.includes(name)), ...b.filter((name) => !a.includes(name))];
    const found = difference(sketchOf(a), sketchOf(b));
    if (differing.length > MOST_DIFFERENCES) return assert.equal(found, undefined);
    assert.equal(found?.size, differing.length);
    assert.deepEqual([...a, ...b].filter((name) => found?.has(name)).sort(), differing.sort());
  }));
});

test("large sets are compared by what they differ in, not by what they have", () => {
  const names = (what: string, count: number) => Array.from({ length: count }, (_, n) => `${what}-${n}`);
  const common = names("timer", 2000);
  for (const [gone, come] of [[0, 0], [3, 11], [14, 0], [0, 15], [700, 0]] as const) {
    const other = [...common.slice(gone), ...names("new", come)];
    const found = difference(sketchOf(common), sketchOf(other));
    assert.equal(found?.size, gone + come > MOST_DIFFERENCES ? undefined : gone + come);
    if (found) assert.deepEqual(common.filter((name) => found.has(name)), common.slice(0, gone));
  }
});

test("the order of names does not count, and a sketch is read as it was written", () => {
  fc.assert(fc.property(anyNames, (names) => {
    const sketch = sketchOf(names);
    assert.ok(isSame(sketch, sketchOf([...names].reverse())));
    const text = writeSketch(sketch);
    assert.ok(text.length === (names.length === 0 ? 0 : 96));
    assert.deepEqual(readSketch(text), sketch);
  }));
  for (const text of ["x", "!".repeat(96), "a".repeat(97)]) assert.equal(readSketch(text), undefined);
});
