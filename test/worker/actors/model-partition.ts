import assert from "node:assert/strict";
import type { ByteBudget } from "../../../src/core/byte-budget.ts";
import { RecordBatchCursor } from "../../../src/core/message.ts";
import type { Delivery } from "../../../src/driver/driver.ts";
import { message, UNREADABLE } from "../fakes.ts";

/** A message: how often it fails when it is handled alone, and how long it takes; or a marker of a transaction. */
export type ModelEntry = { readonly fails: number; readonly takes: number; readonly unreadable?: boolean } | "marker";

/** What each delivery takes when it is open. */
export const RUN_BYTES = 100;
const TOPIC = "shop-orders";

/** What was delivered, as it stands: `from` up to, not including, `to`. */
interface Delivered {
  readonly from: number;
  readonly to: number;
  opened: boolean;
  closed: number;
}

/** One assignment of the partition. */
export interface Life {
  over: boolean;
  leaving: boolean;
  /** The first offset that is not delivered yet. */
  next: number;
  acknowledged: number;
  readonly delivered: Delivered[];
  /** By offset: when it failed alone; and those that have failed, alone or in a batch. */
  readonly failures: Map<number, number[]>;
  readonly alone: Set<number>;
  /** Handled or dead-lettered in this life: what was in hand of one that was lost may be handled again. */
  readonly done: Set<number>;
  inHand: readonly number[];
}

/** A partition's log and all that has become of its messages. */
export class ModelPartition {
  readonly partition: number;
  /** Well handled, or dead-lettered: how often. */
  readonly #handled = new Map<number, number>();
  readonly #aside = new Map<number, number>();
  readonly #log: ModelEntry[] = [];
  readonly #left = new Map<number, number>();
  readonly #budget: ByteBudget;
  readonly #acknowledged: (next: number, partition: ModelPartition) => void;
  life: Life | undefined;
  /** The life that is being given up. */
  leaving: Life | undefined;
  /** Of the life that acknowledges at the moment. */
  #at: Life | undefined;
  /** All before it is done, whoever has done it. */
  #position = 0;

  constructor(partition: number, budget: ByteBudget, acknowledged: (next: number, partition: ModelPartition) => void) {
    this.partition = partition;
    this.#budget = budget;
    this.#acknowledged = acknowledged;
  }

  get current(): Life | undefined {
    return this.life ?? this.leaving;
  }

  get hasMore(): boolean {
    return this.life !== undefined && this.life.next < this.#log.length;
  }

  get handled(): number {
    return this.#handled.size;
  }

  append(entries: readonly ModelEntry[]): void {
    this.#log.push(...entries);
  }

  begin(): void {
    const next = this.#position;
    const maps = { delivered: [], failures: new Map(), alone: new Set<number>(), done: new Set<number>() };
    this.life = { over: false, leaving: false, next, acknowledged: next, inHand: [], ...maps };
  }

  leave(): Life {
    const life = this.life ?? assert.fail();
    life.leaving = true;
    this.leaving = life;
    this.life = undefined;
    return life;
  }

  end(): void {
    for (const life of [this.life, this.leaving]) if (life) life.over = true;
    this.life = this.leaving = undefined;
  }

  checkGivenUp(life: Life): void {
    if (life.over) return;
    assert.deepEqual(life.inHand, [], "given up with messages in hand");
    life.over = true;
    this.leaving = undefined;
  }

  delivery(): Delivery {
    const life = this.life ?? assert.fail();
    const [from, to] = [life.next, this.#log.length];
    life.next = to;
    const messages = this.#log.slice(from, to).flatMap((entry, i) => {
      if (entry === "marker") return [];
      return [message(entry.unreadable ? UNREADABLE : `${this.partition}:${from + i}`, from + i)];
    });
    const run = new RecordBatchCursor(TOPIC, this.partition, messages, to, (next) => {
      this.#at = life;
      this.#acknowledged(next, this);
    });
    return this.#delivery(life, { from, to, opened: false, closed: 0 }, run);
  }

  /** One that turns out to hold nothing. */
  unreadable(): Delivery {
    const life = this.life ?? assert.fail();
    return this.#delivery(life, { from: life.next, to: life.next, opened: false, closed: 0 }, undefined);
  }

  #delivery(life: Life, delivered: Delivered, run: RecordBatchCursor | undefined): Delivery {
    life.delivered.push(delivered);
    let bytes = 0;
    return {
      topic: TOPIC,
      partition: this.partition,
      get bytes() {
        return bytes;
      },
      open: () => {
        assert.ok(!delivered.opened, "opened twice");
        delivered.opened = true;
        if (run === undefined) return undefined;
        this.#budget.add(bytes = RUN_BYTES);
        return run;
      },
      close: () => {
        delivered.closed++;
        this.#budget.release(bytes);
        bytes = 0;
      },
    };
  }

  about(offset: number): { fails: number; takes: number } {
    const entry = this.#log[offset];
    if (entry === undefined || entry === "marker") return assert.fail(`nothing at ${offset}`);
    return { takes: entry.takes, fails: this.#left.get(offset) ?? entry.fails };
  }

  #isDone(offset: number): boolean {
    return this.#log[offset] === "marker" || this.#handled.has(offset) || this.#aside.has(offset);
  }

  checkHandedOut(
    offsets: readonly number[],
    alone: boolean,
    now: number,
    pauses: readonly number[],
    wasAway: boolean,
  ): void {
    const life = this.life ?? assert.fail(`${this.partition}: handed out, and it is not ours`);
    const [first = 0] = offsets;
    assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b), "in order");
    life.inHand = offsets;
    for (let before = 0; before <= (offsets.at(-1) ?? 0); before++) {
      const isDone = offsets.includes(before) ? !life.done.has(before) : this.#isDone(before);
      assert.ok(isDone, `${this.partition}: ${offsets} handed out, and ${before} is done, or is not`);
    }
    for (const offset of offsets) {
      if (!alone) assert.ok(!life.alone.has(offset), `${offset} is to be tried alone`);
      const failures = life.failures.get(offset) ?? [];
      const [last, pause] = [failures.at(-1), pauses[failures.length - 1]];
      if (last === undefined) continue;
      assert.ok(pause !== undefined || wasAway, `attempt ${failures.length + 1}`);
      assert.ok(now - last >= (wasAway ? 0 : pause ?? 0), `attempt ${failures.length + 1} after ${now - last} ms`);
    }
    assert.ok(life.acknowledged <= first, "acknowledged before it is done");
  }

  /** The handler has come to the end of a step with this message. */
  returned(offset: number, failed: boolean, alone: boolean, life: Life | undefined, now: number): void {
    if (!failed) {
      this.#handled.set(offset, (this.#handled.get(offset) ?? 0) + 1);
      life?.done.add(offset);
      return;
    }
    if (life) life.inHand = [];
    life?.alone.add(offset);
    if (!alone) return;
    this.#left.set(offset, this.about(offset).fails - 1);
    life?.failures.set(offset, [...life.failures.get(offset) ?? [], now]);
  }

  deadLettered(offset: number, attempts: number, most: number, faulty: boolean): void {
    this.#aside.set(offset, (this.#aside.get(offset) ?? 0) + 1);
    const entry = this.#log[offset];
    const unreadable = entry !== undefined && entry !== "marker" && entry.unreadable === true;
    const failures = this.life?.failures.get(offset)?.length;
    if (faulty) return; // then it may be dead-lettered again
    this.current?.done.add(offset);
    if (unreadable) return assert.equal(attempts, 0);
    assert.equal(attempts, most, "attempts");
    if (failures !== undefined) assert.ok(failures >= most, `dead-lettered after ${failures} failures`);
  }

  /** Acknowledgements never go back, and lead past nothing that is not done. */
  checkAcknowledged(next: number): void {
    const life = this.#at ?? assert.fail();
    assert.ok(next >= life.acknowledged, `${next} after ${life.acknowledged}`);
    for (let offset = 0; offset < next; offset++) {
      assert.ok(this.#isDone(offset), `${this.partition}: ${next} is acknowledged, and ${offset} is not done`);
    }
    life.acknowledged = next;
    life.inHand = life.inHand.filter((offset) => offset >= next);
    this.#position = Math.max(this.#position, next);
  }

  /** What is open, or handed out and not done. */
  openBytes(): number {
    const life = this.life;
    if (life === undefined) return 0;
    const open = life.delivered.filter(({ opened, closed, from, to }) =>
      opened && to > from && this.#hasMessages(from, to) && (closed === 0 || this.#unacknowledged(life, from, to))
    );
    return RUN_BYTES * open.length;
  }

  #hasMessages(from: number, to: number): boolean {
    return this.#log.slice(from, to).some((entry) => entry !== "marker");
  }

  #unacknowledged(life: Life, from: number, to: number): boolean {
    const last = this.#log.slice(from, to).findLastIndex((entry) => entry !== "marker");
    return last >= 0 && life.acknowledged <= from + last;
  }

  checkEnd(): void {
    const life = this.life;
    for (const [offset, times] of this.#aside) {
      assert.ok(!this.#handled.has(offset) || times > 0);
    }
    if (life === undefined) return;
    assert.equal(life.acknowledged, this.#log.length, `${this.partition}: all is acknowledged`);
    for (const { closed } of life.delivered) assert.equal(closed, 1, "closed once");
  }
}
