import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Duration, formatDuration, milliseconds, positiveMilliseconds } from "../../src/core/duration.ts";
import { coded } from "./fakes.ts";

test("durations are numbers of seconds, or text with units", () => {
  const cases: [Duration, number][] = [
    [2, 2000],
    [0.25, 250],
    [0, 0],
    ["2", 2000],
    ["0.5", 500],
    ["250ms", 250],
    ["2s", 2000],
    ["1m", 60_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["1d2h3m4s5ms", 93_784_005],
    ["7d", 604_800_000],
    [" 2s ", 2000],
    ["1.4ms", 1],
  ];
  for (const [given, ms] of cases) assert.equal(milliseconds(given, "x"), ms, String(given));
});

test("what is formatted is read as the same", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => {
    assert.equal(milliseconds(formatDuration(ms), "x"), ms);
  }));
});

test("the shortest form is taken", () => {
  assert.deepEqual([0, 1, 999, 1000, 90_000, 3_600_000, 86_400_001].map(formatDuration), [
    "0s",
    "1ms",
    "999ms",
    "1s",
    "1m30s",
    "1h",
    "1d1ms",
  ]);
});

test("parts add up, in any order", () => {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const part = fc.tuple(fc.nat(9999), fc.constantFrom("ms" as const, "s" as const, "m" as const, "h" as const, "d"));
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
    const text = parts.map(([amount, unit]) => `${amount}${unit}`).join("");
    assert.equal(milliseconds(text, "x"), parts.reduce((sum, [amount, unit]) => sum + amount * units[unit], 0));
  }));
});

test("garbage is INVALID_DURATION and names its setting", () => {
  const refused = coded("INVALID_DURATION", /^linger: /);
  for (
    const text of ["", " ", "s", "-1s", "+1s", "1 s", "1s-", "1e3", "1,5s", "1.s", ".5s", "1S", "0x10", "∞", "1s 2s"]
  ) {
    assert.throws(() => milliseconds(text, "linger"), refused, text);
  }
  for (const seconds of [-1, -0.001, NaN, Infinity, -Infinity, 1e306]) {
    assert.throws(() => milliseconds(seconds, "linger"), refused, String(seconds));
  }
  assert.throws(() => milliseconds("9".repeat(400), "linger"), refused);
  const anything = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("1", "0", ".", "m", "s", "h", " ", "-") }));
  fc.assert(fc.property(anything, (text) => {
    try {
      const ms = milliseconds(text, "linger");
      return Number.isInteger(ms) && ms >= 0 && /^[\d.mshd]+$/.test(text.trim());
    } catch (error) {
      return refused(error);
    }
  }));
});

test("what is neither text nor a number is INVALID_DURATION too", () => {
  for (const given of [undefined, null, true, {}, [], 5n, Symbol("s")]) {
    assert.throws(() => milliseconds(given as Duration, "linger"), coded("INVALID_DURATION"), String(given));
  }
});

test("a positive duration is at least 1 ms", () => {
  assert.equal(positiveMilliseconds("1ms", "x"), 1);
  for (const short of [0, "0s", 0.0004]) {
    assert.throws(() => positiveMilliseconds(short, "x"), coded("INVALID_DURATION"));
  }
});
