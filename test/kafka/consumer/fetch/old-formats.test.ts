/** Messages of format 0 and 1, which old topics may still hold, as the Java client's own classes wrote them. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { endOf } from "../../../../src/kafka/consumer/fetch/batches.ts";
import { codecs } from "../../../../src/compression/compression.ts";
import { BatchBuilder } from "../../../../src/wire/batch-builder.ts";
import { decodeRecords } from "../../../../src/wire/records.ts";
import { TIME, utf8, vectorBytes } from "../../../wire/vectors.ts";

const FIRST = 5_000_000_000;
const PACKED = ["none", "gzip", "snappy", "lz4"] as const;
const times = (magic: number) => magic === 0 ? [-1, -1, -1] : [TIME, TIME + 5, TIME - 70];

function read(bytes: Uint8Array, from = 0) {
  const { records, nextOffset, error } = decodeRecords(bytes, { from, codecs });
  const text = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);
  const rows = records.map((r) => [r.offset, r.timestamp, text(r.key), text(r.value), r.headers.length]);
  return { rows, nextOffset, error };
}

function rowsOf(magic: number, first = FIRST): unknown[][] {
  const [a, b, c] = times(magic);
  return [[first, a, "k1", "v1", 0], [first + 1, b, null, "no key", 0], [first + 2, c, "tombstone", null, 0]];
}

for (const magic of [0, 1]) {
  for (const packed of PACKED) {
    test(`format ${magic}, ${packed}: offsets, times, keys and values`, () => {
      const bytes = vectorBytes(`old/${magic}/${packed}`);
      assert.deepEqual(read(bytes), { rows: rowsOf(magic), nextOffset: FIRST + 3, error: undefined });
      assert.deepEqual(read(bytes, FIRST + 2).rows, rowsOf(magic).slice(2), "from the middle of it");
      assert.deepEqual(read(bytes, FIRST + 9), { rows: [], nextOffset: FIRST + 9, error: undefined });
      assert.equal(endOf(bytes).lastOffset, FIRST + 2);
    });
  }
}

test("format 1 with the broker's time: it is that of all in it", () => {
  const { rows } = read(vectorBytes("old/log-append-time"));
  assert.deepEqual(rows.map(([offset, timestamp]) => [offset, timestamp]), [7, 8, 9].map((n) => [n, TIME + 999]));
  // A broker that sets the time does not compress anew: what is inside keeps the producer's.
  const set = vectorBytes("old/1/gzip");
  const view = new DataView(set.buffer, set.byteOffset);
  view.setInt8(17, view.getInt8(17) | 8);
  view.setUint32(12, crc32(set.subarray(16)));
  assert.deepEqual(read(set).rows.map(([, timestamp]) => timestamp), [TIME + 5, TIME + 5, TIME + 5]);
});

test("a log whose format was changed is read on", () => {
  const builder = new BatchBuilder();
  builder.append(null, utf8("new"), [], TIME);
  const today = builder.build();
  new DataView(today.buffer, today.byteOffset).setBigInt64(0, BigInt(FIRST + 10));
  // Each of the vectors begins at the same offset: here they follow one another.
  const one = at(vectorBytes("old/1/gzip"), FIRST + 5);
  const bytes = new Uint8Array(Buffer.concat([vectorBytes("old/0/none"), one, today]));
  const { rows, nextOffset, error } = read(bytes);
  assert.equal(error, undefined);
  assert.deepEqual(rows, [...rowsOf(0), ...rowsOf(1, FIRST + 3), [FIRST + 10, TIME, null, "new", 0]]);
  assert.deepEqual([nextOffset, endOf(bytes).lastOffset], [FIRST + 11, FIRST + 10]);
  // A last one that is cut short is left for the next fetch.
  const cut = new Uint8Array(Buffer.concat([vectorBytes("old/0/none"), one.subarray(0, one.length - 1)]));
  assert.deepEqual([read(cut).rows, read(cut).error, endOf(cut).lastOffset], [rowsOf(0), undefined, FIRST + 2]);
});

test("one that is broken is an error that names its offset, and what is before it is read", () => {
  for (const packed of PACKED) {
    for (const magic of [0, 1]) {
      const good = vectorBytes(`old/${magic}/${packed}`);
      const broken = good.slice();
      const last = broken.length - 1;
      broken.set([(broken[last] ?? 0) ^ 1], last);
      const { rows, nextOffset, error } = read(broken);
      const before = packed === "none" ? 2 : 0;
      assert.deepEqual(rows, rowsOf(magic).slice(0, before));
      assert.match(error?.reason ?? "", /checksum/);
      assert.deepEqual([error?.baseOffset, nextOffset], [FIRST + 2, before === 0 ? 0 : FIRST + before]);
    }
  }
  const without = decodeRecords(vectorBytes("old/1/gzip"), { from: 0 });
  assert.match(without.error?.reason ?? "", /compressed with gzip, and that codec is not at hand/);
  const back = new Uint8Array(Buffer.concat([vectorBytes("old/1/none"), vectorBytes("old/1/none")]));
  assert.match(read(back).error?.reason ?? "", /reaches to offset 5000000002/);
});

/** The same message at another offset, which its checksum does not cover. */
function at(bytes: Uint8Array, offset: number): Uint8Array {
  new DataView(bytes.buffer, bytes.byteOffset).setBigInt64(0, BigInt(offset));
  return bytes;
}
