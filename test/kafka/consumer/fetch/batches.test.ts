import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { endOf, partsOf } from "../../../../src/kafka/consumer/fetch/batches.ts";
import { BatchBuilder } from "../../../../src/wire/batch-builder.ts";
import { AbortIndex, decodeRecords } from "../../../../src/wire/records.ts";

function batchAt(offset: number, size: number): Uint8Array {
  const builder = new BatchBuilder();
  builder.append(null, new Uint8Array(size), [], 0);
  const batch = builder.build();
  new DataView(batch.buffer).setBigInt64(0, BigInt(offset));
  return batch;
}

test("an answer is cut into parts of whole batches, at least one each, and what is cut short is left out", () => {
  const answer = Buffer.concat([100, 100, 100, 5000, 100].map((size, offset) => batchAt(offset, size)));
  const last = (bytes: number, cut = 0) =>
    partsOf(answer.subarray(0, answer.length - cut), bytes).map((part) => endOf(part).lastOffset);
  assert.deepEqual(last(1), [0, 1, 2, 3, 4]);
  assert.deepEqual(last(400), [1, 2, 3, 4]);
  assert.deepEqual(last(1 << 20), [4]);
  assert.deepEqual(last(1, 10), [0, 1, 2, 3]);
  const cut = answer.subarray(0, 50);
  assert.deepEqual(partsOf(cut, 1), [cut], "reading it says what is wrong");
});

test("an abort that ended in one part is over in the next", () => {
  const index = new AbortIndex([{ producerId: 7, firstOffset: 0 }]);
  index.advance(0);
  assert.ok(index.has(7));
  index.end(7);
  // As the next part of the same answer has it.
  const part = decodeRecords(batchAt(5, 10), { from: 0, readCommitted: index });
  assert.deepEqual([part.records.length, index.has(7)], [1, false]);
});
