import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchBuilder, maxRecordSize } from "../../src/wire/batch-builder.ts";
import { WireError } from "../../src/wire/errors.ts";
import { readBatchHeader } from "../../src/wire/record-batch.ts";
import { hex, MIXED, TIME, utf8, vector } from "./vectors.ts";

function mixed(): BatchBuilder {
  const builder = new BatchBuilder(100);
  for (const { key, value, headers, timestamp } of MIXED) builder.append(key, value, headers, timestamp);
  return builder;
}

test("batch builder: byte for byte what the Java client makes", () => {
  assert.equal(hex(mixed().build()), vector("batch/mixed/none"));
  const producer = { producerId: 4_294_967_297, producerEpoch: 3, baseSequence: 70_000 };
  assert.equal(hex(mixed().build(producer)), vector("batch/idempotent"));
  const transactional = { producerId: 9, producerEpoch: 1, baseSequence: 2, transactional: true };
  assert.equal(hex(mixed().build(transactional)), vector("batch/transactional"));
});

test("batch builder: stamp() makes of it what another producer would have built", () => {
  const builder = mixed();
  builder.build({ producerId: 1, producerEpoch: 0, baseSequence: 0 });
  const stamped = builder.stamp({ producerId: 4_294_967_297, producerEpoch: 3, baseSequence: 70_000 });
  assert.equal(hex(stamped), vector("batch/idempotent"));
});

test("batch builder: count, size and maxTimestamp follow what is appended", () => {
  const builder = new BatchBuilder(1);
  assert.deepEqual([builder.count, builder.size], [0, 61]);
  const size = builder.append(utf8("k"), utf8("v"), [], TIME + 9);
  assert.equal(builder.size, size);
  builder.append(null, null, [], TIME);
  assert.deepEqual([builder.count, builder.maxTimestamp], [2, TIME + 9]);
  assert.equal(builder.build().length, builder.size);
});

test("batch builder: a record is never larger than maxRecordSize says", () => {
  const builder = new BatchBuilder();
  for (const { key, value, headers, timestamp } of MIXED) {
    const before = builder.size;
    assert.ok(builder.append(key, value, headers, timestamp) - before <= maxRecordSize(key, value, headers));
  }
});

test("batch builder: one batch each, and none without records", () => {
  assert.throws(() => new BatchBuilder().build(), WireError);
  assert.throws(() => mixed().stamp({ producerId: 1, producerEpoch: 0, baseSequence: 0 }), WireError);
  const built = mixed();
  built.build();
  assert.throws(() => built.build(), WireError);
  assert.throws(() => built.append(null, null, [], TIME), WireError);
});

test("readBatchHeader: the fields of a transactional batch", () => {
  const batch = mixed().build({ producerId: 9, producerEpoch: 1, baseSequence: 2, transactional: true });
  const { crc, ...header } = readBatchHeader(batch);
  assert.ok(crc > 0);
  assert.deepEqual(header, {
    baseOffset: 0,
    size: batch.length,
    partitionLeaderEpoch: -1,
    codec: null,
    isLogAppendTime: false,
    isTransactional: true,
    isControl: false,
    lastOffsetDelta: MIXED.length - 1,
    baseTimestamp: TIME,
    maxTimestamp: TIME + 86_400_000 * 60,
    producerId: 9,
    producerEpoch: 1,
    baseSequence: 2,
    recordCount: MIXED.length,
  });
  assert.throws(() => readBatchHeader(batch.subarray(0, 60)), WireError);
});
