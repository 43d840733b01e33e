import { BatchBuilder } from "../../../src/wire/batch-builder.ts";

/** A record of the naive model. */
export interface ModelRecord {
  offset: number;
  key: string;
  /** Null: a tombstone. */
  value: string | null;
  timestamp: number;
  producerId: number;
  /** Open while its transaction is; undefined outside of transactions. */
  outcome: "open" | "commit" | "abort" | undefined;
}

interface ModelProducer {
  epoch: number;
  nextSequence: number;
  last: { sequence: number; count: number; offset: number }[];
  openSince: number | undefined;
}

const utf8 = new TextEncoder();

/** What a partition should be, in the simplest words: a list of records and a few maps. */
export class LogModel {
  records: ModelRecord[] = [];
  /** Offsets of markers, which are taken but hold no record. */
  end = 0;
  start = 0;
  producers = new Map<number, ModelProducer>();

  get lastStable(): number {
    const open = [...this.producers.values()].map(({ openSince }) => openSince ?? Infinity);
    return Math.max(Math.min(this.end, ...open), this.start);
  }

  producer(id: number): ModelProducer {
    let producer = this.producers.get(id);
    if (producer === undefined) {
      this.producers.set(id, producer = { epoch: 0, nextSequence: 0, last: [], openSince: undefined });
    }
    return producer;
  }

  append(
    records: { key: string; value: string | null; timestamp: number }[],
    id: number,
    transactional: boolean,
  ): number {
    const base = this.end;
    for (const record of records) {
      this.records.push({
        ...record,
        offset: this.end++,
        producerId: id,
        outcome: transactional ? "open" : undefined,
      });
    }
    if (id < 0) return base;
    const producer = this.producer(id);
    producer.last.push({ sequence: producer.nextSequence, count: records.length, offset: base });
    producer.last = producer.last.slice(-5);
    producer.nextSequence += records.length;
    if (transactional) producer.openSince ??= base;
    return base;
  }

  endTransaction(id: number, outcome: "commit" | "abort"): void {
    const producer = this.producer(id);
    for (const record of this.records) {
      if (record.producerId === id && record.outcome === "open") record.outcome = outcome;
    }
    producer.openSince = undefined;
    this.end++;
  }

  bump(id: number): void {
    const producer = this.producer(id);
    producer.epoch++;
    producer.nextSequence = 0;
    producer.last = [];
  }

  /** What a reader should see from an offset on. */
  visible(from: number, committed: boolean): ModelRecord[] {
    return this.records.filter(({ offset, outcome }) =>
      offset >= Math.max(from, this.start) && (!committed || (offset < this.lastStable && outcome !== "abort"))
    );
  }
}

/** A batch as a client sends it. */
export function makeBatch(
  records: readonly { key: string; value: string | null; timestamp: number }[],
  producer?: { id: number; epoch: number; sequence: number; transactional: boolean },
): Uint8Array {
  const builder = new BatchBuilder();
  for (const { key, value, timestamp } of records) {
    builder.append(utf8.encode(key), value === null ? null : utf8.encode(value), [], timestamp);
  }
  if (producer === undefined) return builder.build();
  const { id: producerId, epoch: producerEpoch, sequence: baseSequence, transactional } = producer;
  return builder.build({ producerId, producerEpoch, baseSequence, transactional });
}
