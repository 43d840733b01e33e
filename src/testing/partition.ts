import type { Message } from "../core/message.ts";
import type { OutgoingRecord } from "../driver/driver.ts";

/** How a transaction stands in a partition: open until its marker is there. */
export interface Fate {
  state: "open" | "committed" | "aborted";
}

/** What stands at an offset: a record, or the marker that ends a transaction. */
export interface Entry {
  readonly record: OutgoingRecord | undefined;
  /** Of a record outside of all transactions there is none. */
  readonly fate: Fate | undefined;
  readonly producerId: number;
  /** When it was appended, in ms since the epoch by the log's clock. */
  readonly appended: number;
}

/** A producer in a partition. */
interface Producer {
  epoch: number;
  /** The last batches, by their first sequence number: one that comes again is the same. */
  readonly batches: Map<number, number>;
  next: number;
}

/** Records of one producer that are appended together. */
export interface Batch {
  readonly records: readonly OutgoingRecord[];
  readonly producerId: number;
  readonly epoch: number;
  /** The number of the first record; the same again is the same batch. */
  readonly sequence: number;
  readonly transactional: boolean;
}

export type AppendError = "INVALID_PRODUCER_EPOCH" | "OUT_OF_ORDER_SEQUENCE_NUMBER" | "MESSAGE_TOO_LARGE";

/** One partition: what was appended, and how far it may be read. */
export class Partition {
  readonly entries: Entry[] = [];
  /** What is before it is gone. */
  start = 0;
  /** Called when more may be read. */
  readonly watchers = new Set<() => void>();
  readonly #open = new Map<number, { readonly fate: Fate; readonly first: number }>();
  readonly #producers = new Map<number, Producer>();
  #stable = 0;

  /** The high watermark: the offset that the next record gets. */
  get end(): number {
    return this.entries.length;
  }

  /** The last stable offset: from here on transactions are open. */
  get stable(): number {
    return this.#stable;
  }

  /** The producer whose open transaction keeps what is at the last stable offset from being read; undefined: none. */
  get blocking(): number | undefined {
    return [...this.#open.entries()].sort(([, a], [, b]) => a.first - b.first)[0]?.[0];
  }

  /** Appends a batch; its first offset, or why not. `fenced`: whether an older epoch is refused, as it should be. */
  append(batch: Batch, now: number, fenced = true): number | AppendError {
    const { producerId, epoch, sequence } = batch;
    let producer = this.#producers.get(producerId);
    if (producer && epoch < producer.epoch && fenced) return "INVALID_PRODUCER_EPOCH";
    if (producer === undefined || epoch > producer.epoch) {
      producer = { epoch, batches: new Map(), next: 0 };
      this.#producers.set(producerId, producer);
    }
    const first = this.end;
    if (epoch === producer.epoch) {
      const known = producer.batches.get(sequence);
      if (known !== undefined) return known;
      if (sequence !== producer.next) return "OUT_OF_ORDER_SEQUENCE_NUMBER";
      producer.batches.set(sequence, first);
      producer.next = sequence + batch.records.length;
    }
    let fate: Fate | undefined;
    if (batch.transactional) {
      fate = this.#open.get(producerId)?.fate ?? { state: "open" };
      if (!this.#open.has(producerId)) this.#open.set(producerId, { fate, first });
    }
    for (const record of batch.records) this.entries.push({ record, fate, producerId, appended: now });
    this.#changed();
    return first;
  }

  /** Ends a producer's transaction, and lets nothing older of it in from now on. */
  mark(producerId: number, epoch: number, committed: boolean, now: number): void {
    const open = this.#open.get(producerId);
    const producer = this.#producers.get(producerId);
    if (producer === undefined || epoch > producer.epoch) {
      this.#producers.set(producerId, { epoch, batches: new Map(), next: 0 });
    }
    if (open !== undefined) open.fate.state = committed ? "committed" : "aborted";
    this.#open.delete(producerId);
    this.entries.push({ record: undefined, fate: undefined, producerId, appended: now });
    this.#changed();
  }

  /** Deletes what is before an offset. */
  trim(start: number): void {
    this.start = Math.max(this.start, Math.min(start, this.end));
  }

  /** Committed messages from an offset on, and the offset to read from next. */
  read(from: number, most = 500): { messages: Message[]; next: number } {
    const messages: Message[] = [];
    let next = Math.max(from, this.start);
    for (; next < this.#stable && messages.length < most; next++) {
      const { record, fate } = this.entries[next] ?? {};
      if (record === undefined || fate?.state === "aborted") continue;
      const { key, value, headers, timestamp } = record;
      messages.push({ offset: next, timestamp, key, value, headers });
    }
    return { messages, next };
  }

  #changed(): void {
    let stable = this.end;
    for (const { first } of this.#open.values()) stable = Math.min(stable, first);
    if (stable === this.#stable) return;
    this.#stable = stable;
    for (const watcher of [...this.watchers]) watcher();
  }
}
