import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Code } from "../../../src/wire/error-codes.ts";
import { logConfigOf } from "../../../src/broker/settings/configs.ts";
import { FileStores } from "../../../src/broker/data/file-stores.ts";
import { MemoryBudget } from "../../../src/broker/log/budget.ts";
import { AppendError } from "../../../src/broker/log/error.ts";
import { Log } from "../../../src/broker/log/log.ts";
import { offsetAt } from "../../../src/broker/log/offset-at.ts";
import { MemoryStores, type Stores } from "../../../src/broker/log/stores.ts";
import { silent } from "../../../src/core/logger.ts";
import { codecs } from "../../../src/compression/compression.ts";
import { BatchBuilder } from "../../../src/wire/batch-builder.ts";
import type { CodecName } from "../../../src/wire/codec.ts";
import { readBatchHeader } from "../../../src/wire/record-batch.ts";
import { decodeRecords } from "../../../src/wire/records.ts";
import { makeBatch } from "./log-model.ts";

const START = 1_700_000_000_000;
const DAY = 86_400_000;
const utf8 = new TextEncoder();

/** A log on a clock of its own, with small segments. */
function makeLog(
  config: Record<string, string>,
  budget = new MemoryBudget(1e9),
  segmentBytes = 400,
  stores: Stores = new MemoryStores(budget),
) {
  const time = { now: START };
  const log = new Log({
    config: { ...logConfigOf(new Map(Object.entries(config))), segmentBytes },
    stores,
    clock: { monotonic: () => time.now, wall: () => time.now },
    codecs,
  });
  budget.add(log);
  const write = (key: string, value: string | null, timestamp = time.now) =>
    log.append(makeBatch([{ key, value, timestamp }])).baseOffset;
  const keys = () => {
    const { pieces } = log.read({ from: log.startOffset, maxBytes: 1e9, committed: false, atLeastOne: true });
    return pieces.flatMap((bytes) => decodeRecords(bytes, { from: log.startOffset }).records)
      .map(({ offset, key, value }) =>
        `${offset}:${new TextDecoder().decode(key ?? undefined)}${value === null ? "!" : ""}`
      );
  };
  return { log, time, write, keys };
}

test("what is older than retention.ms goes by whole segments, the end stays", () => {
  const { log, time, write } = makeLog({ "retention.ms": String(DAY) });
  for (let i = 0; i < 20; i++) write("k", "x".repeat(50));
  time.now += DAY / 2;
  for (let i = 0; i < 20; i++) write("k", "x".repeat(50));
  log.maintain(time.now);
  assert.equal(log.startOffset, 0);
  time.now += DAY / 2 + 1;
  log.maintain(time.now);
  assert.ok(log.startOffset > 10 && log.startOffset <= 20, String(log.startOffset));
  time.now += DAY;
  log.maintain(time.now);
  assert.deepEqual([log.startOffset, log.endOffset, log.size], [40, 40, 0]);
  assert.equal(write("k", "again"), 40);
});

test("what is above retention.bytes goes, oldest first", () => {
  const { log, time, write } = makeLog({ "retention.bytes": "1000" });
  for (let i = 0; i < 50; i++) write("k", "x".repeat(50));
  log.maintain(time.now);
  assert.ok(log.size >= 1000 && log.size < 1500, String(log.size));
  assert.equal(log.endOffset, 50);
});

test("compaction keeps the last of each key, and tombstones for their time", () => {
  const { log, time, write, keys } = makeLog({
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0",
    "delete.retention.ms": String(DAY),
  });
  for (let i = 0; i < 30; i++) write(`k${i % 3}`, "x".repeat(20));
  write("k0", null);
  for (let i = 0; i < 10; i++) write("last", "x".repeat(20)); // fills the segment that is not touched
  log.maintain(time.now);
  const compacted = keys();
  assert.deepEqual(compacted.slice(0, 3), ["28:k1", "29:k2", "30:k0!"]);
  assert.equal(log.endOffset, 41);
  assert.equal(log.startOffset, 0);
  time.now += DAY + 1;
  for (let i = 0; i < 10; i++) write("last", "x".repeat(20));
  log.maintain(time.now);
  assert.ok(!keys().includes("30:k0!"));
  assert.ok(keys().includes("28:k1"));
});

test("max.compaction.lag.ms: what is older is compacted however little it is, and written to no longer", () => {
  const { log, time, write, keys } = makeLog({
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "1",
    "max.compaction.lag.ms": String(DAY),
  });
  for (let i = 0; i < 3; i++) write("k", "x".repeat(20));
  time.now += DAY;
  log.maintain(time.now);
  assert.deepEqual(keys(), ["0:k", "1:k", "2:k"]);
  time.now += 1;
  log.maintain(time.now);
  assert.deepEqual(keys(), ["2:k"]);
  assert.equal(log.endOffset, 3);
  // Once more: a little that is new, beside what has been compacted.
  write("k", "again");
  time.now += DAY + 1;
  log.maintain(time.now);
  assert.deepEqual(keys(), ["3:k"]);
});
test("a batch that is sent again is known after compaction and a restart", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "mephisto-compacted-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const open = () =>
    makeLog(
      { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0" },
      undefined,
      400,
      new FileStores(folder, false, silent),
    );
  const batch = (baseSequence: number) => {
    const builder = new BatchBuilder();
    builder.append(utf8.encode("k"), utf8.encode(String(baseSequence)), [], START);
    return builder.build({ producerId: 7, producerEpoch: 0, baseSequence });
  };
  const { log, time, write } = open();
  for (let sequence = 0; sequence < 8; sequence++) log.append(batch(sequence));
  for (let i = 0; i < 20; i++) write("k", "x".repeat(50));
  log.maintain(time.now);
  log.close();
  const again = open();
  // As many as a client has in flight, all of which may have been written when the broker was killed.
  for (let sequence = 3; sequence < 8; sequence++) assert.equal(again.log.append(batch(sequence)).baseOffset, sequence);
  assert.throws(() => again.log.append(batch(2)), { code: Code.OUT_OF_ORDER_SEQUENCE_NUMBER });
  assert.equal(again.log.append(batch(8)).baseOffset, 28);
  again.log.close();
});

for (const [name, codec] of [["none", undefined], ...Object.entries(codecs)] as const) {
  test(`compaction takes records out of batches, and leaves a producer's last batch without any: ${name}`, () => {
    const { log, time } = makeLog({ "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0" });
    const compressed = codec === undefined ? {} : { codec: { name: name as CodecName, codec } };
    const write = (sequence: number, keys: string[]) => {
      const builder = new BatchBuilder();
      for (const [i, key] of keys.entries()) {
        builder.append(utf8.encode(key), utf8.encode(`${key} `.repeat(30)), [], START + 10 * sequence + i);
      }
      const producer = { producerId: sequence < 2 ? 7 : -1, producerEpoch: 0, baseSequence: sequence * 2 };
      log.append(builder.build({ ...producer, ...compressed }));
    };
    write(0, ["a", "b"]);
    write(1, ["c", "d"]);
    for (let sequence = 2; sequence < 40; sequence++) write(sequence, ["b", "c", "d"]);
    log.maintain(time.now);
    const { pieces } = log.read({ from: 0, maxBytes: 1e9, committed: false, atLeastOne: true });
    const bytes = new Uint8Array(Buffer.concat(pieces));
    const first = readBatchHeader(bytes);
    assert.deepEqual([first.baseOffset, first.recordCount, first.codec], [0, 1, codec === undefined ? null : name]);
    assert.equal(first.maxTimestamp, START, "of the record that is left");
    const second = readBatchHeader(bytes, first.size);
    const { producerId, baseSequence, recordCount, size } = second;
    assert.deepEqual([producerId, baseSequence, recordCount, size], [7, 2, 0, 61]);
    assert.equal(second.codec, null, "nothing is not compressed: readers would fail on it");
    const { records, error } = decodeRecords(bytes, { from: 0, codecs });
    assert.equal(error, undefined);
    assert.equal(new TextDecoder().decode(records[0]?.value ?? undefined), "a ".repeat(30));
    // What compaction has taken is not found by its time, neither in a batch that has others nor in an empty one.
    const next = records[1]?.offset ?? -1;
    assert.deepEqual(offsetAt(log, START + 1, false, codecs).offset, next);
    assert.deepEqual(offsetAt(log, START, false, codecs), { offset: 0, timestamp: START });
  });
}

test("what an open transaction may yet change is not compacted", () => {
  const { log, time, write, keys } = makeLog({ "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0" });
  const producer = { id: 7, epoch: 0, sequence: 0, transactional: true };
  const verification = log.producers.verify(7, 0, 0, true, START);
  log.append(makeBatch([{ key: "k", value: "open", timestamp: START }], producer), verification);
  for (let i = 0; i < 20; i++) write("k", "x".repeat(30));
  log.maintain(time.now);
  assert.equal(keys().length, 21);
  log.appendMarker(7, 0, 0, "abort");
  for (let i = 0; i < 10; i++) write("other", "x".repeat(30));
  log.maintain(time.now);
  assert.ok(!keys().includes("0:k"), "what was aborted stays");
  assert.ok(keys().includes("20:k"));
});

test("memory is bounded: old segments of topics that delete go first, then writes are refused", () => {
  const budget = new MemoryBudget(300_000);
  const first = makeLog({}, budget, 20_000);
  const second = makeLog({}, budget, 20_000);
  const kept = makeLog({ "cleanup.policy": "compact" }, budget, 20_000);
  for (let i = 0; i < 100; i++) first.write("k", "x".repeat(1000));
  for (let i = 0; i < 50; i++) kept.write(`k${i}`, "x".repeat(1000));
  first.time.now = second.time.now = START + 1000;
  for (let i = 0; i < 1000; i++) second.write("k", "x".repeat(1000));
  assert.ok(budget.used <= 300_000);
  assert.equal(first.log.size, 0, "the oldest goes first");
  assert.equal(second.log.endOffset, 1000);
  assert.ok(second.log.startOffset > 0);
  assert.equal(kept.log.startOffset, 0);
  assert.throws(() => {
    for (let i = 0; i < 1000; i++) kept.write(`more${i}`, "x".repeat(1000));
  }, (error: unknown) => error instanceof AppendError && error.code === 44 && /memory limit/.test(error.message));
  assert.equal(kept.log.startOffset, 0);
  assert.ok(budget.used <= 300_000);
  for (const { log } of [first, second, kept]) {
    budget.remove(log);
    log.remove();
  }
  assert.equal(budget.used, 0);
});

test("a transaction that was asked about and never written is forgotten, as a producer is", () => {
  const { log, time } = makeLog({});
  log.producers.verify(7, 0, 0, true, time.now);
  log.maintain(time.now);
  time.now += DAY;
  log.maintain(time.now);
  assert.equal(log.producers.size, 1);
  time.now += 1;
  log.maintain(time.now);
  assert.equal(log.producers.size, 0);
});
