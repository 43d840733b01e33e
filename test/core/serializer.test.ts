import { HOSTILE } from "./hostile.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MephistoError } from "../../src/core/errors.ts";
import {
  type AnySerializer,
  decodeKey,
  decodeValue,
  encode,
  encodeValue,
  serializer,
} from "../../src/core/serializer.ts";
import { coded, numbers } from "./fakes.ts";

const raw = serializer("raw", "x");
const text = serializer("text", "x");
const json = serializer("json", "x");
const notUtf8 = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0xf0, 0x9f]].map((bytes) =>
  Uint8Array.from(bytes)
);

test("raw gives bytes as they are, and sends text as UTF-8", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assert.equal(raw.decode(bytes), bytes);
    assert.equal(raw.encode(bytes), bytes);
  }));
  assert.deepEqual(raw.encode("é"), Uint8Array.of(0xc3, 0xa9));
});

test("text comes back as it was sent", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
    assert.equal(text.decode(text.encode(value)), value);
  }));
  assert.equal(text.decode(text.encode("\uFEFFa")), "\uFEFFa", "with its byte order mark");
});

test("JSON comes back as it was sent", () => {
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
    assert.deepEqual(json.decode(json.encode(value)), JSON.parse(JSON.stringify(value)));
  }));
});

test("bytes that are not UTF-8 are refused, not mended", () => {
  for (const bytes of notUtf8) {
    assert.throws(() => text.decode(bytes), TypeError);
    assert.throws(() => json.decode(bytes), TypeError);
  }
});

test("JSON that is none is refused", () => {
  for (const bad of ["", "{", "undefined", "'a'", "1 2"]) {
    assert.throws(() => json.decode(text.encode(bad)), SyntaxError);
  }
});

test("what a serializer does not take is ENCODE_FAILED, with what was to be sent and why", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  class Order {}
  const cases: [AnySerializer, unknown, RegExp][] = [
    [raw, 7, /^An order cannot be sent: the raw serializer takes text or bytes, not number\.$/],
    [raw, null, /not null/],
    [raw, new Order(), /not Order/],
    [raw, Object.create(null), /not an object/],
    [text, Uint8Array.of(1), /the text serializer takes text, not/],
    [text, undefined, /not undefined/],
    [json, undefined, /JSON has no form for undefined/],
    [json, () => {}, /JSON has no form for function/],
    [json, Symbol("s"), /JSON has no form for symbol/],
    [json, circle, /./],
    [json, 5n, /./],
    [numbers as AnySerializer, "7", /no number/],
  ];
  for (const [serializer, value, sentence] of cases) {
    assert.throws(() => encode(serializer, value, "An order"), (error) => {
      assert.ok(error instanceof MephistoError && error.cause instanceof Error);
      return coded("ENCODE_FAILED", sentence)(error);
    });
  }
});

test("a serializer that gives something else than bytes is ENCODE_FAILED", () => {
  for (const gives of ["text", undefined, null, [1, 2], {}]) {
    const bad = { encode: () => gives, decode: () => 0 } as unknown as AnySerializer;
    assert.throws(() => encode(bad, 1, "An order"), coded("ENCODE_FAILED", /^An order cannot be sent: .*bytes/));
  }
});

test("a serializer of one's own is taken as it is", () => {
  assert.equal(serializer(numbers, "x"), numbers);
  assert.equal(decodeValue(numbers, encode(numbers as AnySerializer, -3, "x")), -3);
});

test("a tombstone is null with any serializer, and asks none", () => {
  const never: AnySerializer = {
    encode: () => assert.fail("asked to encode a tombstone"),
    decode: () => assert.fail("asked to decode a tombstone"),
  };
  for (const each of [raw, text, json, numbers as AnySerializer, never]) {
    assert.equal(decodeValue(each, null), null);
    assert.equal(encodeValue(each, null, "x"), null);
  }
  assert.deepEqual(encodeValue(json, [null], "x"), text.encode("[null]"), "only the value itself");
});

test("what cannot be decoded is DECODE_FAILED, and says whether it is the key or the value, and what reads it", () => {
  const bad = Uint8Array.of(0xff);
  const own: AnySerializer = {
    encode: () => bad,
    decode: () => {
      throw new Error("no order");
    },
  };
  assert.throws(
    () => decodeValue(text, bad),
    coded("DECODE_FAILED", /^its value is not .* valueSerializer "text" reads: ./),
  );
  assert.throws(() => decodeValue(json, bad), coded("DECODE_FAILED", /valueSerializer "json"/));
  assert.throws(() => decodeValue(own, bad), coded("DECODE_FAILED", /valueSerializer of its own reads: no order$/));
  assert.throws(
    () => decodeKey(text, bad),
    coded("DECODE_FAILED", /^its key is not .* keySerializer "text" reads: .*; give keySerializer: "raw" if keys/),
  );
});

for (const [what, thrown] of Object.entries(HOSTILE)) {
  test(`a serializer may throw ${what}, or give it: ENCODE_FAILED that says of what`, () => {
    const broken = { decode: () => 1, encode: () => assert.fail() };
    const throwing = {
      ...broken,
      encode: () => {
        throw thrown;
      },
    };
    for (const encoder of [throwing, { ...broken, encode: () => thrown as Uint8Array }]) {
      assert.throws(
        () => encode(encoder, 1, "A message to orders"),
        coded("ENCODE_FAILED", /^A message to orders cannot/),
      );
    }
  });
}

test("a serializer that gives a promise says so, and its rejection is nobody's", async () => {
  const late = { decode: () => 1, encode: () => Promise.reject(new Error("late")) as unknown as Uint8Array };
  assert.throws(() => encode(late, 1, "A message to orders"), coded("ENCODE_FAILED", /gave Promise, not bytes/));
  await new Promise((resolve) => setTimeout(resolve));
});
