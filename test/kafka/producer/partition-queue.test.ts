import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch, Identity } from "../../../src/kafka/producer/batch.ts";
import { BATCH_BYTES, PartitionQueue } from "../../../src/kafka/producer/partition-queue.ts";
import { decodeRecords } from "../../../src/wire/records.ts";
import { readBatchHeader } from "../../../src/wire/record-batch.ts";
import { bytes } from "../support.ts";

const first: Identity = { producerId: 1, producerEpoch: 0 };
const second: Identity = { producerId: 2, producerEpoch: 0 };

/** A queue with a batch for each list of messages. */
function queueOf(...batches: string[][]): PartitionQueue {
  const queue = new PartitionQueue("t", 0);
  for (const messages of batches) {
    messages.forEach((message, index) => {
      // The first of a batch claims to be as large as a batch may be, so that it begins a new one.
      const batch = queue.batchFor(index === 0 ? BATCH_BYTES : 100, 0);
      if (index === 0) batch.state = "open";
      batch.builder.append(null, bytes(message), [], 0);
    });
  }
  return queue;
}

/** Takes all that may be on its way at once. */
function takeAll(queue: PartitionQueue, identity: Identity): Batch[] {
  const taken: Batch[] = [];
  while (queue.sendable(0)) {
    const batch = queue.take(identity, {});
    assert.ok(batch);
    assert.ok(!taken.includes(batch), "a batch is taken twice");
    taken.push(batch);
  }
  return taken;
}

/** Takes all there is, and has it written. */
function writeAll(queue: PartitionQueue, identity: Identity): Batch[] {
  const written: Batch[] = [];
  while (!queue.empty) {
    const taken = takeAll(queue, identity);
    assert.ok(taken.length > 0, "nothing can be taken");
    for (const batch of taken) queue.written(batch);
    written.push(...taken);
  }
  return written;
}

const textOf = ({ bytes = new Uint8Array() }: Batch) =>
  decodeRecords(bytes, { from: 0 }).records.map(({ value }) => new TextDecoder().decode(value ?? undefined)).join();
const numberOf = ({ bytes = new Uint8Array() }: Batch) => {
  const { producerId, baseSequence } = readBatchHeader(bytes);
  return `${producerId}:${baseSequence}`;
};
const shown = (batches: readonly Batch[]) => batches.map((batch) => `${textOf(batch)} ${numberOf(batch)}`);

/** The first batch written: as many as there are may be on their way at once then. */
function proven(...batches: string[][]): PartitionQueue {
  const queue = queueOf(["proof"], ...batches);
  const [proof, ...more] = takeAll(queue, first);
  assert.ok(proof);
  assert.deepEqual(more, [], "until it is known that the broker takes our numbers one is on its way");
  queue.written(proof);
  return queue;
}

test("batches are numbered in their order, from the first message on", () => {
  const queue = proven(["a", "b"], ["c"], ["d"]);
  assert.deepEqual(shown(takeAll(queue, first)), ["a,b 1:1", "c 1:3", "d 1:4"]);
});

test("of a partition that is another log now one batch is on its way until that takes our numbers, which go on", () => {
  const queue = proven(["a"], ["b"], ["c"]);
  queue.doubt();
  const [a, ...more] = takeAll(queue, first);
  assert.ok(a);
  assert.deepEqual([shown([a]), more], [["a 1:1"], []]);
  queue.failed(a);
  assert.deepEqual(shown(takeAll(queue, first)), ["a 1:1"], "the same again, and alone");
  queue.written(a);
  assert.deepEqual(shown(takeAll(queue, first)), ["b 1:2", "c 1:3"]);
});

test("after a failure all go again, in order and with the same numbers, when all have been answered", () => {
  const queue = proven(["a"], ["b"], ["c"]);
  const [a, b, c] = takeAll(queue, first);
  assert.ok(a && b && c);
  queue.failed(b);
  assert.deepEqual(takeAll(queue, first), []);
  queue.written(a);
  assert.deepEqual(takeAll(queue, first), []);
  queue.failed(c);
  assert.deepEqual(shown(takeAll(queue, first)), ["b 1:2", "c 1:3"]);
});

test("nothing follows a batch that was refused, or that was split, until the others are answered and numbered anew", () => {
  for (const refuse of [true, false]) {
    const queue = proven(["a", "b"], ["c"], ["d"]);
    const [ab, c, d] = takeAll(queue, first);
    assert.ok(ab && c && d);
    if (refuse) queue.refused(ab);
    else queue.replace(ab, ab.split());
    assert.equal(queue.needsIdentity, false);
    assert.deepEqual(takeAll(queue, first), []);
    queue.failed(c);
    queue.failed(d);
    assert.equal(queue.needsIdentity, true);
    queue.renew(second);
    assert.deepEqual(
      shown(writeAll(queue, second)),
      refuse ? ["c 2:0", "d 2:1"] : ["a 2:0", "b 2:1", "c 2:2", "d 2:3"],
    );
    assert.ok(queue.empty);
  }
});

test("a large message goes alone, and order is kept", () => {
  const queue = new PartitionQueue("t", 0);
  const add = (value: string) => queue.batchFor(value.length, 0).builder.append(null, bytes(value), [], 0);
  for (const value of ["a", "b", "X".repeat(20_000), "c", "Y".repeat(20_000), "Z".repeat(20_000)]) add(value);
  assert.deepEqual(writeAll(queue, first).map((batch) => textOf(batch).slice(0, 3)), ["a,b", "XXX", "c", "YYY", "ZZZ"]);
});

test("what has waited too long is taken out, and what follows is numbered anew if it had a number", () => {
  const queue = proven(["a"], ["b"]);
  const flying = takeAll(queue, first);
  assert.deepEqual(queue.expire(Infinity), [], "what is on its way may be written yet");
  for (const batch of flying) queue.failed(batch);
  assert.deepEqual(queue.expire(Infinity), flying);
  assert.equal(queue.needsIdentity, true);
  assert.ok(queue.empty);
});
