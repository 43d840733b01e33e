import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WireError } from "../../src/wire/errors.ts";
import { Reader } from "../../src/wire/reader.ts";
import { Writer } from "../../src/wire/writer.ts";
import { sizeOfVarlong, writeVarlong } from "../../src/wire/varint.ts";
import { fromHex, hex } from "./vectors.ts";

const text = fc.string({ unit: "grapheme", maxLength: 30 });
const bytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 300 });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

function roundTrip<T>(
  name: string,
  values: fc.Arbitrary<T>,
  write: (w: Writer, v: T) => unknown,
  read: (r: Reader) => T,
) {
  test(`reader and writer: ${name}`, () => {
    fc.assert(fc.property(values, (value) => {
      const writer = new Writer(1);
      write(writer, value);
      const reader = new Reader(writer.finish());
      assert.deepEqual(read(reader), value);
      assert.equal(reader.remaining, 0);
      // And every shorter input is an error, not a value.
      for (let end = 0; end < Math.min(writer.length, 40); end++) {
        assert.throws(() => read(new Reader(writer.finish().subarray(0, end))), WireError);
      }
    }));
  });
}

roundTrip("int8", fc.integer({ min: -128, max: 127 }), (w, v) => w.int8(v), (r) => r.int8());
roundTrip("boolean", fc.boolean(), (w, v) => w.boolean(v), (r) => r.boolean());
roundTrip("int16", fc.integer({ min: -32768, max: 32767 }), (w, v) => w.int16(v), (r) => r.int16());
roundTrip("int32", int32, (w, v) => w.int32(v), (r) => r.int32());
roundTrip("int64", fc.maxSafeInteger(), (w, v) => w.int64(v), (r) => r.int64());
roundTrip(
  "unsigned varint",
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  (w, v) => w.unsignedVarint(v),
  (r) => r.unsignedVarint(),
);
roundTrip("uuid", fc.uint8Array({ minLength: 16, maxLength: 16 }).map(hex), (w, v) => w.uuid(v), (r) => r.uuid());
roundTrip("string", text, (w, v) => w.string(v), (r) => r.string());
roundTrip("nullable string", fc.option(text), (w, v) => w.nullableString(v), (r) => r.nullableString());
roundTrip("compact string", text, (w, v) => w.compactString(v), (r) => r.compactString());
roundTrip(
  "compact nullable string",
  fc.option(text),
  (w, v) => w.compactNullableString(v),
  (r) => r.compactNullableString(),
);
roundTrip("bytes", bytes, (w, v) => w.bytes(v), (r) => r.bytes());
roundTrip("nullable bytes", fc.option(bytes), (w, v) => w.nullableBytes(v), (r) => r.nullableBytes());
roundTrip("compact bytes", bytes, (w, v) => w.compactBytes(v), (r) => r.compactBytes());
roundTrip(
  "compact nullable bytes",
  fc.option(bytes),
  (w, v) => w.compactNullableBytes(v),
  (r) => r.compactNullableBytes(),
);
roundTrip("array", fc.array(text), (w, v) => w.array(v, (x) => w.string(x)), (r) => r.array(() => r.string()));
roundTrip(
  "nullable array",
  fc.option(fc.array(int32)),
  (w, v) => w.nullableArray(v, (x) => w.int32(x)),
  (r) => r.nullableArray(() => r.int32()),
);
roundTrip(
  "compact array",
  fc.array(int32),
  (w, v) => w.compactArray(v, (x) => w.int32(x)),
  (r) => r.compactArray(() => r.int32()),
);
roundTrip(
  "compact nullable array",
  fc.option(fc.array(text)),
  (w, v) => w.compactNullableArray(v, (x) => w.compactString(x)),
  (r) => r.compactNullableArray(() => r.compactString()),
);

test("writer: what a type cannot carry is refused", () => {
  assert.throws(() => new Writer().int64(2 ** 53), WireError);
  assert.throws(() => new Writer().int64(Number.NaN), WireError);
  assert.throws(() => new Writer().string("x".repeat(32768)), WireError);
  assert.throws(() => new Writer().uuid("no"), WireError);
});

test("reader: an int64 beyond the safe integers is refused", () => {
  assert.throws(() => new Reader(fromHex("0020000000000000")).int64(), WireError);
  assert.throws(() => new Reader(fromHex("8000000000000000")).int64(), WireError);
});

test("reader: a varint has no more than 32 bits", () => {
  assert.equal(new Reader(fromHex("ffffffff0f")).unsignedVarint(), 2 ** 32 - 1);
  assert.throws(() => new Reader(fromHex("ffffffff1f")).unsignedVarint(), WireError);
  assert.throws(() => new Reader(fromHex("808080808000")).unsignedVarint(), WireError);
});

test("reader: a length is checked before anything is made of it", () => {
  for (const length of ["7fffffff", "fffffffe", "80000000"]) {
    assert.throws(() => new Reader(fromHex(length)).bytes(), WireError);
    assert.throws(() => new Reader(fromHex(length)).array(() => 0), WireError);
  }
  for (const length of ["ffffffff0f", "ffffffff1f", "ffffffffff01"]) {
    assert.throws(() => new Reader(fromHex(length)).compactBytes(), WireError);
    assert.throws(() => new Reader(fromHex(length)).compactArray(() => 0), WireError);
    assert.throws(() => new Reader(fromHex(length)).skipTaggedFields(), WireError);
  }
  assert.throws(() => new Reader(fromHex("ffff")).string(), /null/);
});

test("reader: tagged fields are stepped over", () => {
  const reader = new Reader(fromHex("02" + "00" + "02aabb" + "e807" + "00" + "2a"));
  reader.skipTaggedFields();
  assert.equal(reader.int8(), 42);
});

test("varlong: its size is what is written", () => {
  const target = new Uint8Array(10);
  const edges = [
    0,
    -1,
    63,
    64,
    -64,
    -65,
    2 ** 31 - 1,
    2 ** 31,
    -(2 ** 31),
    -(2 ** 31) - 1,
    2 ** 34 - 1,
    2 ** 34,
    -(2 ** 34),
    -(2 ** 34) - 1,
  ];
  fc.assert(fc.property(fc.oneof(fc.maxSafeInteger(), fc.constantFrom(...edges)), (value) => {
    assert.equal(writeVarlong(target, 0, value), sizeOfVarlong(value));
  }));
});
