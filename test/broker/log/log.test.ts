import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { silent } from "../../../src/core/logger.ts";
import { logConfigOf } from "../../../src/broker/settings/configs.ts";
import { FileStores } from "../../../src/broker/data/file-stores.ts";
import { MemoryBudget } from "../../../src/broker/log/budget.ts";
import { AppendError } from "../../../src/broker/log/error.ts";
import { Log } from "../../../src/broker/log/log.ts";
import { offsetAt } from "../../../src/broker/log/offset-at.ts";
import { MemoryStores, type Stores } from "../../../src/broker/log/stores.ts";
import { decodeRecords } from "../../../src/wire/records.ts";
import type { LogConfig } from "../../../src/broker/log/config.ts";
import { LogModel, makeBatch } from "./log-model.ts";

const NOW = 1_700_000_000_000;
const text = new TextDecoder();

const records = fc.array(
  fc.record({
    key: fc.constantFrom("a", "b", "c", "d"),
    value: fc.option(fc.string({ maxLength: 30 }), { freq: 6 }),
    timestamp: fc.integer({ min: NOW - 1000, max: NOW }),
  }),
  { minLength: 1, maxLength: 5 },
);
const producerId = fc.integer({ min: 1, max: 3 });

const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("plain" as const), records }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("produce" as const), records, id: producerId, transactional: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("again" as const), id: producerId, back: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("gap" as const), id: producerId, records }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("bump" as const), id: producerId, records }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      id: producerId,
      outcome: fc.constantFrom("commit" as const, "abort" as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      maxBytes: fc.integer({ min: 1, max: 2000 }),
      committed: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("time" as const),
      time: fc.integer({ min: NOW - 1100, max: NOW + 100 }),
      committed: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("trim" as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("maintain" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

class Bench {
  readonly model = new LogModel();
  readonly #makeStores: () => Stores;
  readonly #config: LogConfig;
  readonly #reopens: boolean;
  #start = 0;
  log: Log;

  constructor(makeStores: () => Stores, config: LogConfig, reopens: boolean) {
    this.#makeStores = makeStores;
    this.#config = config;
    this.#reopens = reopens;
    this.log = this.#open();
  }

  #open(): Log {
    return new Log({
      config: this.#config,
      stores: this.#makeStores(),
      clock: { monotonic: () => 0, wall: () => NOW },
      startOffset: this.#start,
      onStart: (offset) => {
        this.#start = offset;
      },
    });
  }

  run(command: Command): void {
    const { model, log } = this;
    switch (command.do) {
      case "plain":
        assert.equal(log.append(makeBatch(command.records)).baseOffset, model.append(command.records, -1, false));
        break;
      case "produce": {
        const { id, records } = command;
        const producer = model.producer(id);
        // A producer that has a transaction open can only go on with it.
        const transactional = command.transactional || producer.openSince !== undefined;
        const { epoch, nextSequence: sequence } = producer;
        const batch = makeBatch(records, { id, epoch, sequence, transactional });
        const verification = transactional ? log.producers.verify(id, epoch, sequence, true, 0) : undefined;
        assert.equal(log.append(batch, verification).baseOffset, model.append(records, id, transactional));
        break;
      }
      case "again": {
        const { id, back } = command;
        const { epoch, last, openSince } = model.producer(id);
        const one = last.at(-1 - back);
        if (one === undefined) break;
        // The content does not matter: a producer is known by its sequence.
        const records = Array.from({ length: one.count }, () => ({ key: "again", value: "", timestamp: NOW }));
        const transactional = openSince !== undefined;
        const batch = makeBatch(records, { id, epoch, sequence: one.sequence, transactional });
        assert.equal(log.append(batch).baseOffset, one.offset);
        break;
      }
      case "gap": {
        const { id, records } = command;
        const { epoch, nextSequence, openSince } = model.producer(id);
        if (nextSequence === 0) break; // whoever is unknown may begin anywhere
        const producer = { id, epoch, sequence: nextSequence + 1, transactional: openSince !== undefined };
        assert.equal(codeOf(() => log.append(makeBatch(records, producer))), 45);
        break;
      }
      case "bump": {
        const { id, records } = command;
        const before = model.producer(id);
        if (before.openSince !== undefined || before.last.length === 0) break;
        const old = { id, epoch: before.epoch, sequence: before.nextSequence, transactional: false };
        model.bump(id);
        const bumped = { id, epoch: before.epoch, sequence: 0, transactional: false };
        assert.equal(log.append(makeBatch(records, bumped)).baseOffset, model.append(records, id, false));
        assert.equal(codeOf(() => log.append(makeBatch(records, old))), 47);
        break;
      }
      case "end": {
        const { id, outcome } = command;
        const offset = log.appendMarker(id, model.producer(id).epoch, 0, outcome);
        assert.equal(offset, model.end);
        model.endTransaction(id, outcome);
        break;
      }
      case "read":
        this.#read(offsetIn(model, command.at), command.maxBytes, command.committed);
        break;
      case "time":
        this.#time(command.time, command.committed);
        break;
      case "trim": {
        const offset = offsetIn(model, command.at);
        log.deleteBefore(offset);
        model.start = Math.max(model.start, offset);
        break;
      }
      case "maintain":
        log.maintain(NOW);
        break;
      case "reopen":
        // Producers are known again by their batches: not those whose batches have been taken away.
        if (!this.#reopens || model.start > 0) break;
        log.close();
        if (log.config.compact) {
          for (const producer of model.producers.values()) producer.last = producer.last.slice(-1);
        }
        this.log = this.#open();
        break;
    }
    assert.equal(this.log.endOffset, model.end);
    assert.equal(this.log.startOffset, model.start);
    assert.equal(this.log.lastStableOffset, model.lastStable);
  }

  #read(from: number, maxBytes: number, committed: boolean): void {
    const { log, model } = this;
    const { pieces, size, aborted } = log.read({ from, maxBytes, committed, atLeastOne: true });
    const bytes = join8(pieces);
    assert.equal(bytes.length, size);
    const expected = model.visible(from, committed);
    const decoded = decodeRecords(bytes, { from, ...(aborted === null ? {} : { readCommitted: { aborted } }) });
    assert.equal(decoded.error, undefined);
    // The size limit may cut it short, but never to nothing.
    const until = decoded.nextOffset;
    if (from < (committed ? model.lastStable : model.end)) assert.ok(until > from, `nothing was read from ${from}`);
    assert.ok(size <= maxBytes || isOneBatch(bytes));
    assert.ok(log.sizeFrom(from, committed) >= size);
    const got = decoded.records.map(({ offset, key, value, timestamp }) => ({
      offset,
      key: text.decode(key ?? undefined),
      value: value === null ? null : text.decode(value),
      timestamp,
    }));
    const wanted = expected.filter(({ offset }) => offset < until)
      .map(({ offset, key, value, timestamp }) => ({ offset, key, value, timestamp }));
    if (!log.config.compact) {
      assert.deepEqual(got, wanted);
      return;
    }
    // What is left are records that were written; the last one of each key is there, except for old tombstones.
    const byOffset = new Map(model.records.map((record) => [record.offset, record]));
    for (const record of got) assert.equal(byOffset.get(record.offset)?.value, record.value);
    const there = new Set(got.map(({ offset }) => offset));
    const latest = new Map(
      model.records.filter(({ outcome, offset }) => outcome !== "abort" && offset < model.lastStable)
        .map(({ key, offset }) => [key, offset]),
    );
    for (const { key, offset } of wanted) {
      if (latest.get(key) === offset) assert.ok(there.has(offset), `the last record of ${key}, at ${offset}, is gone`);
    }
  }

  #time(time: number, committed: boolean): void {
    const { log, model } = this;
    if (log.config.compact) return;
    const end = committed ? model.lastStable : model.end;
    // A log of markers has their times too; they are all at the end of time here.
    const first = model.records.find(({ offset, timestamp }) => offset >= model.start && timestamp >= time);
    const found = offsetAt(log, time, committed, {});
    if (first !== undefined && first.offset < end && first.timestamp < NOW) {
      assert.ok(found.offset >= 0 && found.offset <= first.offset);
    }
    if (found.offset >= 0) assert.ok(found.timestamp >= time && found.offset < end);
  }
}

function codeOf(fn: () => unknown): number {
  try {
    fn();
  } catch (error) {
    if (error instanceof AppendError) return error.code;
    throw error;
  }
  return 0;
}

function offsetIn(model: LogModel, at: number): number {
  return model.start + Math.floor(at * (model.end - model.start));
}

function join8(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function isOneBatch(bytes: Uint8Array): boolean {
  return 12 + new DataView(bytes.buffer).getInt32(8) === bytes.length;
}

const small = { ...logConfigOf(new Map()), segmentBytes: 600 };
const compacting = { ...small, compact: true, delete: false, minCleanableRatio: 0 };

for (const [name, config] of [["deletes", small], ["compacts", compacting]] as const) {
  test(`a log in memory that ${name} is what the model says`, () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 30, maxLength: 120 }), (commands) => {
        const bench = new Bench(() => new MemoryStores(new MemoryBudget(1e9)), config, false);
        for (const command of commands) bench.run(command);
      }),
      { numRuns: 150 },
    );
  });

  test(`a log in files that ${name} is what the model says, also when it is opened again`, () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 20, maxLength: 60 }), (commands) => {
        const folder = mkdtempSync(join(tmpdir(), "mephisto-log-"));
        try {
          const bench = new Bench(() => new FileStores(join(folder, "p"), false, silent), config, true);
          for (const command of commands) bench.run(command);
          bench.log.close();
        } finally {
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 40 },
    );
  });
}
