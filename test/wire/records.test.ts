import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { BatchBuilder } from "../../src/wire/batch-builder.ts";
import { crc32c } from "../../src/wire/crc32c.ts";
import { CorruptBatchError } from "../../src/wire/errors.ts";
import { decodeRecords } from "../../src/wire/records.ts";
import type { LogRecord } from "../../src/wire/record.ts";
import { fromHex, MIXED, TIME, utf8, vectorBytes } from "./vectors.ts";

const text = new TextDecoder();

function plain({ timestamp, key, value, headers }: LogRecord) {
  return { timestamp, key, value, headers };
}

function values(records: LogRecord[]): string[] {
  return records.map(({ value }) => text.decode(value ?? new Uint8Array(0)));
}

/** A batch at an offset, as the broker would store it. */
function batchAt(offset: number, ...values: string[]): Uint8Array {
  const builder = new BatchBuilder();
  for (const value of values) builder.append(null, utf8(value), [], TIME);
  const batch = builder.build();
  new DataView(batch.buffer).setBigInt64(0, BigInt(offset));
  return batch;
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

test("records: what the Java client wrote", () => {
  for (const name of ["mixed/none", "idempotent", "transactional"]) {
    const { records, nextOffset, error } = decodeRecords(vectorBytes(`batch/${name}`), { from: 0 });
    assert.equal(error, undefined);
    assert.deepEqual(records.map(plain), MIXED);
    assert.deepEqual(records.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5, 6]);
    assert.equal(nextOffset, 7);
  }
});

test("records: log append time, and offsets beyond 32 bits", () => {
  const { records, nextOffset } = decodeRecords(vectorBytes("batch/log-append-time"), { from: 5_000_000_002 });
  assert.deepEqual(records.map(plain), MIXED.slice(2).map((record) => ({ ...record, timestamp: TIME + 999 })));
  assert.equal(records[0]?.offset, 5_000_000_002);
  assert.equal(nextOffset, 5_000_000_007);
});

test("records: those below the position are left out, whole batches of them too", () => {
  const bytes = join(batchAt(10, "a", "b"), batchAt(12, "c", "d"), batchAt(20, "e"));
  const decoded = decodeRecords(bytes, { from: 13 });
  assert.deepEqual([values(decoded.records), decoded.nextOffset], [["d", "e"], 21]);
  assert.equal(decodeRecords(bytes, { from: 50 }).nextOffset, 50);
});

test("records: a last batch that is cut short is left for the next fetch", () => {
  const first = batchAt(0, "a"), second = batchAt(1, "b");
  for (let end = 0; end < second.length; end++) {
    const decoded = decodeRecords(join(first, second.subarray(0, end)), { from: 0 });
    assert.deepEqual([values(decoded.records), decoded.nextOffset, decoded.error], [["a"], 1, undefined]);
  }
});

test("records: a first batch that is cut short is an error, or a fetch would be repeated for ever", () => {
  const batch = batchAt(7, "a");
  for (let end = 1; end < batch.length; end++) {
    const { records, nextOffset, error } = decodeRecords(batch.subarray(0, end), { from: 7 });
    assert.ok(error instanceof CorruptBatchError, `cut at ${end}`);
    assert.deepEqual([records.length, nextOffset], [0, 7]);
  }
  assert.deepEqual(decodeRecords(new Uint8Array(0), { from: 7 }), { records: [], nextOffset: 7, unpacked: 0 });
});

test("records: the good batches before a bad one are not lost", () => {
  const bad = batchAt(2, "c");
  bad.fill(0xff, bad.length - 1);
  const { records, nextOffset, error } = decodeRecords(join(batchAt(0, "a", "b"), bad, batchAt(3, "d")), { from: 0 });
  assert.deepEqual([values(records), nextOffset], [["a", "b"], 2]);
  assert.equal(error?.baseOffset, 2);
  assert.equal(error?.reason, "its checksum does not match");
});

test("records: offsets that go back are an error", () => {
  const { records, error } = decodeRecords(join(batchAt(5, "a", "b"), batchAt(6, "c")), { from: 0 });
  assert.deepEqual([values(records), error?.baseOffset], [["a", "b"], 6]);
});

test("records: a missing codec is named", () => {
  const { error } = decodeRecords(vectorBytes("batch/mixed/zstd"), { from: 0 });
  assert.match(error?.reason ?? "", /zstd/);
});

test("records: aborted transactions are left out as the Java client does", () => {
  const log = vectorBytes("log/transactions");
  const all = decodeRecords(log, { from: 0 });
  assert.deepEqual(values(all.records), ["aborted 0", "committed 1", "plain 2", "committed 4"]);
  assert.deepEqual([all.nextOffset, all.error], [7, undefined]);

  const aborted = [{ producerId: 7, firstOffset: 0 }];
  const committed = decodeRecords(log, { from: 0, readCommitted: { aborted } });
  assert.deepEqual(values(committed.records), ["committed 1", "plain 2", "committed 4"]);
  assert.equal(committed.nextOffset, 7);

  // Both of 7's, given in the wrong order: the second begins only after the first one's marker.
  const both = [{ producerId: 7, firstOffset: 4 }, { producerId: 7, firstOffset: 0 }];
  assert.deepEqual(values(decodeRecords(log, { from: 0, readCommitted: { aborted: both } }).records), [
    "committed 1",
    "plain 2",
  ]);
});

/** A batch whose checksum is right over these records: hexadecimal, one after the other. */
function sealed(records: string, count: number, lastOffsetDelta = count - 1): Uint8Array {
  const batch = join(batchAt(0, "header").subarray(0, 61), fromHex(records));
  const view = new DataView(batch.buffer);
  view.setInt32(8, batch.length - 12);
  view.setInt32(23, lastOffsetDelta);
  view.setInt32(57, count);
  view.setUint32(17, crc32c(batch, 21));
  return batch;
}

// Length 9; attributes, timestamp and offset 0; no key; a value of 3; no headers.
const GOOD = "12" + "000000" + "01" + "06616263" + "00";
const SECOND = "12" + "000002" + "01" + "06646566" + "00";

test("records: what the checksum cannot tell is checked record by record", () => {
  const good = decodeRecords(sealed(GOOD + SECOND, 2), { from: 0 });
  assert.deepEqual([values(good.records), good.error], [["abc", "def"], undefined]);

  const cases: [why: string, batch: Uint8Array, reason: RegExp][] = [
    ["a record longer than what is left", sealed(GOOD + "14" + SECOND.slice(2), 2), /record 1 has a length of 10/],
    ["a record shorter than possible", sealed(GOOD + "0a" + SECOND.slice(2), 2), /record 1 has a length of 5/],
    [
      "a value longer than its record",
      sealed(GOOD + "12000002" + "01" + "08646566" + "00", 2),
      /record 1 does not end/,
    ],
    [
      "a value shorter than its record",
      sealed(GOOD + "12000002" + "01" + "04646500" + "00", 2),
      /record 1 does not end/,
    ],
    ["a key that is enormous", sealed(GOOD + "12000002" + "feffffff0f" + "0000", 2), /record 1 does not end/],
    ["more records than said", sealed(GOOD + SECOND, 1), /10 bytes are left/],
    ["fewer records than said", sealed(GOOD + SECOND, 3), /3 records cannot be|record 2 has a length/],
    ["a count that could not be in there", sealed(GOOD, 1_000_000_000), /1000000000 records cannot be/],
    ["a negative count", sealed(GOOD, -1, 0), /-1 records cannot be/],
    ["the same offset twice", sealed(GOOD + GOOD, 2), /record 1 has the offset 0 \+ 0/],
    ["an offset beyond the batch's last", sealed(GOOD + SECOND, 2, 0), /record 1 has the offset 0 \+ 1/],
    ["more headers than bytes", sealed("12000000" + "01" + "00" + "fe070000", 1), /511 headers/],
    ["a negative count of headers", sealed("12000000" + "01" + "00" + "01000000", 1), /-1 headers/],
    ["a header without a name", sealed("12000000" + "01" + "00" + "0201" + "0000", 1), /no name/],
    ["a length that never ends", sealed("ffffffffffffffffffff", 1), /longer than 32 bits/],
    ["a timestamp that never ends", sealed("1a00" + "ff".repeat(12), 1), /longer than 64 bits/],
  ];
  for (const [why, batch, reason] of cases) {
    const { records, nextOffset, error } = decodeRecords(batch, { from: 0 });
    assert.match(error?.reason ?? "no error", reason, why);
    assert.deepEqual([records.length, nextOffset], [0, 0], why);
  }
});

test("records: an ABORT marker ends an aborted transaction, a COMMIT does not", () => {
  const builder = new BatchBuilder();
  builder.append(null, utf8("of 7"), [], TIME);
  const later = builder.build({ producerId: 7, producerEpoch: 0, baseSequence: 0, transactional: true });
  new DataView(later.buffer).setBigInt64(0, 7n);
  const log = join(vectorBytes("log/transactions"), later); // 7's last marker in there is a COMMIT
  const aborted = [{ producerId: 7, firstOffset: 4 }];
  const { records } = decodeRecords(log, { from: 0, readCommitted: { aborted } });
  assert.deepEqual(values(records), ["aborted 0", "committed 1", "plain 2"]);
});

test("records: views of a Node Buffer are Buffers", () => {
  const [record] = decodeRecords(Buffer.from(batchAt(0, "a")), { from: 0 }).records;
  assert.ok(Buffer.isBuffer(record?.value));
});

const field = fc.option(fc.uint8Array({ maxLength: 100 }));
const name = fc.string({ unit: "grapheme", maxLength: 8 });
const someRecords = fc.array(
  fc.record({
    key: field,
    value: field,
    headers: fc.array(fc.tuple(name, field), { maxLength: 3 }),
    timestamp: fc.oneof(fc.integer({ min: 0, max: 2 ** 42 }), fc.integer({ min: TIME, max: TIME + 100 })),
  }, { noNullPrototype: true }),
  { minLength: 1, maxLength: 20 },
);

function build(records: readonly ReturnType<typeof plain>[]): Uint8Array {
  const builder = new BatchBuilder(64);
  for (const { key, value, headers, timestamp } of records) builder.append(key, value, headers, timestamp);
  return builder.build();
}

test("records: whatever is appended is read again", () => {
  fc.assert(fc.property(someRecords, (records) => {
    const decoded = decodeRecords(build(records), { from: 0 });
    assert.equal(decoded.error, undefined);
    assert.deepEqual(decoded.records.map(plain), records);
  }));
});

test("records: one flipped bit is always found, except in what no checksum covers", () => {
  fc.assert(fc.property(someRecords, fc.nat(), fc.nat(7), (records, position, bit) => {
    const batch = build(records);
    // The first offset and the leader's epoch are the broker's to write, so the checksum leaves them out.
    const at = 8 + position % (batch.length - 8);
    if (at >= 12 && at < 16) return;
    batch[at] = (batch[at] ?? 0) ^ (1 << bit);
    const decoded = decodeRecords(batch, { from: 0 });
    assert.ok(decoded.error instanceof CorruptBatchError);
    assert.deepEqual([decoded.records.length, decoded.nextOffset], [0, 0]);
  }));
});

test("records: a batch whose checksum is right but whose records are garbage is an error or records, quickly", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 80 }), fc.integer({ min: 0, max: 12 }), (body, count) => {
      const builder = new BatchBuilder();
      builder.append(null, body, [], TIME);
      const batch = builder.build();
      // Garbage over the records and a count that may not be theirs; stamping makes the checksum right.
      batch.set(body, 61);
      new DataView(batch.buffer, batch.byteOffset).setInt32(57, count);
      builder.stamp({ producerId: -1, producerEpoch: -1, baseSequence: -1 });
      const { records, error } = decodeRecords(batch, { from: 0 });
      if (error) assert.deepEqual([error.baseOffset, records.length], [0, 0]);
      for (const record of records) assert.ok(plain(record).headers.length < 80);
    }),
  );
});

test("records: any garbage at all is an error or records, quickly", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const { records, error } = decodeRecords(bytes, { from: 0 });
    assert.ok(error !== undefined || bytes.length === 0 || records.length >= 0);
  }));
});
