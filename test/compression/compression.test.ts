import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { codecs } from "../../src/compression/compression.ts";
import { xxhash32 } from "../../src/compression/xxhash32.ts";
import { BatchBuilder } from "../../src/wire/batch-builder.ts";
import { CODEC_NAMES, type CodecName } from "../../src/wire/codec.ts";
import type { LogRecord } from "../../src/wire/record.ts";
import { decodeRecords } from "../../src/wire/records.ts";
import { fromHex, MIXED, TIME, utf8, vectorBytes } from "../wire/vectors.ts";

const LIMIT_BYTES = 1 << 20;

/** The value of the vectors named "big": bytes that do not repeat, then many that do. Not computed here: all codecs agree. */
function big(name: CodecName): Uint8Array {
  const { records, error } = decodeRecords(vectorBytes(`batch/big/${name}`), { from: 0, codecs });
  assert.equal(error, undefined);
  const value = records[0]?.value;
  assert.ok(value);
  return value;
}

// A third noise, a third words, a third one byte: long and short literals, matches near and far, several blocks.
const large = new Uint8Array(300_000);
for (let i = 0, seed = 1; i < large.length; i++) {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  large[i] = i < 100_000 ? seed >>> 16 : i < 200_000 ? (i >>> 4) * (i % 7) : 42;
}

for (const name of CODEC_NAMES) {
  const codec = codecs[name];

  test(`${name}: what the Java client compressed`, () => {
    const { records, error } = decodeRecords(vectorBytes(`batch/mixed/${name}`), { from: 0, codecs });
    assert.equal(error, undefined);
    const plain = records.map(({ timestamp, key, value, headers }) => ({ timestamp, key, value, headers }));
    assert.deepEqual(plain.map(toPlain), MIXED.map(toPlain));
    assert.equal(big(name).length, 300_000);
    assert.equal(Buffer.compare(big(name), big("gzip")), 0);
  });

  test(`${name}: whatever is compressed is read again`, () => {
    const repeated = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 4000 }))
      .map(([bytes, times]) => new Uint8Array(Buffer.concat(Array.from({ length: times }, () => bytes))));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 1000 }), repeated), (bytes) => {
        assert.equal(Buffer.compare(codec.decompress(codec.compress(bytes), LIMIT_BYTES), bytes), 0);
      }),
      { numRuns: 60 },
    );
    assert.equal(Buffer.compare(codec.decompress(codec.compress(large), LIMIT_BYTES), large), 0);
  });

  test(`${name}: a batch of its own is read again, and its views are Buffers`, () => {
    const builder = new BatchBuilder();
    for (const { key, value, headers, timestamp } of MIXED) builder.append(key, value, headers, timestamp);
    const batch = builder.build({ codec: { name, codec } });
    assert.equal((batch[22] ?? 0) & 7, CODEC_NAMES.indexOf(name) + 1);
    const { records, error } = decodeRecords(batch, { from: 0, codecs });
    assert.equal(error, undefined);
    assert.deepEqual(
      records.map(({ value }) => value && Buffer.from(value).toString()),
      MIXED.map(({ value }) => value && Buffer.from(value).toString()),
    );
    assert.ok(Buffer.isBuffer(records[0]?.value));
  });

  test(`${name}: no more than the limit, whatever is promised`, () => {
    const bomb = codec.compress(new Uint8Array(LIMIT_BYTES + 1));
    assert.throws(() => codec.decompress(bomb, LIMIT_BYTES));
    assert.equal(codec.decompress(bomb, LIMIT_BYTES + 1).length, LIMIT_BYTES + 1);
    assert.throws(() => codec.decompress(codec.compress(new Uint8Array(100_001)), 100_000));
    const builder = new BatchBuilder();
    builder.append(null, new Uint8Array(100_000), [], TIME);
    const batch = builder.build({ codec: { name, codec } });
    const { records, error } = decodeRecords(batch, { from: 0, codecs, maxBatchSize: 50_000 });
    assert.deepEqual([records.length, error?.baseOffset], [0, 0]);
  });

  test(`${name}: cut short or changed, it is an error or bytes within the limit`, () => {
    const whole = codec.compress(large.subarray(90_000, 110_000));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const bytes = cut ? whole.subarray(0, at) : new Uint8Array(whole);
        if (!cut) bytes[at] = byte;
        try {
          assert.ok(codec.decompress(bytes, LIMIT_BYTES).length <= LIMIT_BYTES);
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
        }
      }),
      { numRuns: 300 },
    );
  });
}

function toPlain({ key, value, headers, timestamp }: Omit<LogRecord, "offset">) {
  const text = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString("latin1");
  return [timestamp, text(key), text(value), headers.map(([name, bytes]) => [name, text(bytes)])];
}

test("xxhash32: known values", () => {
  assert.equal(xxhash32(new Uint8Array(0)), 0x02cc5d05);
  assert.equal(xxhash32(utf8("a")), 0x550d7456);
  assert.equal(xxhash32(utf8("Nobody inspects the spammish repetition")), 0xe2293b2f);
});

test("snappy: one bare block without framing, as some clients send it", () => {
  // A length of 9, then a literal of 9 bytes.
  const block = fromHex("09" + "20" + "313233343536373839");
  assert.equal(codecs.snappy.decompress(block, 100).toString(), "123456789");
});

test("snappy: framing that is cut short is an error, wherever", () => {
  const framed = codecs.snappy.compress(large);
  for (const end of [17, 19, 20, 1000, framed.length - 1]) {
    assert.throws(
      () => codecs.snappy.decompress(framed.subarray(0, end), LIMIT_BYTES),
      /cut short|begin with its length/,
    );
  }
});

test("snappy: a block that promises more than it can hold takes no memory", () => {
  const block = fromHex("808080808004" + "00");
  assert.throws(() => codecs.snappy.decompress(block, 2 ** 31), /length/);
  assert.throws(() => codecs.snappy.decompress(fromHex("ffffff7f" + "0041"), 2 ** 31), /length/);
});

test("lz4: frames with everything optional in them", () => {
  // Made by hand: dependent blocks, block checksums, content size and content checksum. The second block copies
  // from the first.
  const first = fromHex("f0" + "05" + "6162636465666768696a6b6c6d6e6f7071727374"); // 20 literals
  const second = fromHex("00" + "1400" + "50" + "7576777879"); // a match of 4 bytes, 20 back; 5 literals
  const content = utf8("abcdefghijklmnopqrst" + "abcd" + "uvwxy");
  const descriptor = Uint8Array.of(0x40 | 0x10 | 0x08 | 0x04, 4 << 4, content.length, 0, 0, 0, 0, 0, 0, 0);
  const frame = Buffer.concat([
    le(0x184d2204),
    descriptor,
    Uint8Array.of(xxhash32(descriptor) >>> 8),
    le(first.length),
    first,
    le(xxhash32(first)),
    le(second.length),
    second,
    le(xxhash32(second)),
    le(0),
    le(xxhash32(content)),
  ]);
  assert.equal(codecs.lz4.decompress(frame, 1000).toString(), "abcdefghijklmnopqrstabcduvwxy");
  for (let at = 0; at < frame.length; at++) {
    if (at >= 6 && at < 14) continue; // the content's size, which is covered by the header's checksum: seen below
    const broken = Buffer.from(frame);
    broken[at] = (broken[at] ?? 0) ^ 1;
    assert.throws(() => codecs.lz4.decompress(broken, 1000), `byte ${at}`);
  }
  const independent = Buffer.from(frame);
  independent[4] = (independent[4] ?? 0) | 0x20;
  independent[14] = xxhash32(independent.subarray(4, 14)) >>> 8;
  assert.throws(() => codecs.lz4.decompress(independent, 1000), /reaches back/);
});

function le(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}
