import type { Batch } from "../../src/testing/partition.ts";
import type { MemoryLog } from "../../src/testing/memory-log.ts";
import type { ProducerState } from "../../src/testing/transactions.ts";
import { APP, BESIDE, INTERVAL_MS, isRefused, TIMER, TOPIC } from "./sim-worker.ts";

const decoder = new TextDecoder();
const JOURNAL = `${APP}-master`;
const TIMER_KEY = `timer:${TIMER}`;
const RULE_KEY = `rule:${TIMER}`;

/** A message of the simulated timer. */
export interface Said {
  readonly slot: number;
  readonly epoch: number;
  readonly worker: string;
}

export function say({ slot, epoch, worker }: Said): string {
  return `${slot} ${epoch} ${worker}`;
}

export function said(value: Uint8Array | null): Said {
  const [slot, epoch, worker = ""] = decoder.decode(value ?? new Uint8Array()).split(" ");
  return { slot: Number(slot), epoch: Number(epoch), worker };
}

/** What must hold at every step; watches the log itself, and believes nobody. */
export class Invariants {
  /** The first that did not hold. */
  violation: string | undefined;
  /** Slots whose message has been committed. */
  readonly slots = new Set<number>();
  /** Until when partitions have been handled without a gap. */
  readonly #handled = new Map<string, Set<number>>();
  readonly #checked = new Map<string, number>();
  readonly #committers = new Map<string, string>();
  /** To where a member's own late commit has set a partition back: from there the next owner goes on. */
  readonly #setBack = new Map<string, number>();
  readonly #open = new Map<number, { topic: string; batch: Batch }[]>();
  readonly #log: MemoryLog;
  #epoch = 0;
  lastSlot = 0;
  #journalSlot = 0;
  #lastBeside = { slot: 0, runs: 0 };
  /** When a master first saw the timer: it catches up all, so that from here on no slot may be lost. */
  #since: number | undefined;

  constructor(log: MemoryLog) {
    this.#log = log;
    log.onAppended = (topic, _partition, _first, batch) => this.#appended(topic, batch);
    log.transactions.onDecided = (id, producer, committed) => {
      if (id === `${APP}.master`) this.#decided(producer, committed);
    };
    log.group(APP).onCommitted = (offsets, by) => this.#committed(offsets, by);
  }

  fail(sentence: string): void {
    this.violation ??= sentence;
  }

  handled(partition: number, offset: number): void {
    const key = `${TOPIC}/${partition}`;
    let handled = this.#handled.get(key);
    if (handled === undefined) this.#handled.set(key, handled = new Set());
    handled.add(offset);
  }

  /** At the end: every slot from first to last, each of them once, in the topic as it is read. */
  atTheEnd(): void {
    const seen = new Map<number, number>();
    for (const [index, partition] of this.#log.topics.get(TOPIC)?.partitions.entries() ?? []) {
      let epoch = 0;
      for (let from = partition.start;;) {
        const { messages, next } = partition.read(from);
        if (next === from) break;
        for (const message of messages) {
          const one = said(message.value);
          seen.set(one.slot, (seen.get(one.slot) ?? 0) + 1);
          if (one.epoch < epoch) this.fail(`epoch ${one.epoch} after ${epoch} in partition ${index}`);
          epoch = one.epoch;
        }
        from = next;
      }
    }
    const slots = [...seen.keys()].sort((a, b) => a - b);
    const [first = 0] = slots;
    for (let slot = first; slot <= (slots.at(-1) ?? 0); slot += INTERVAL_MS) {
      const times = seen.get(slot) ?? 0;
      if (times !== 1) return this.fail(`slot ${slot - first} after the first is in the topic ${times} times`);
    }
  }

  /** How far the topic may be read now. */
  get ends(): number[] {
    return this.#log.topics.get(TOPIC)?.partitions.map(({ stable }) => stable) ?? [];
  }

  /** Whether the group has committed all messages before these offsets. */
  hasDrained(ends: readonly number[]): boolean {
    const { offsets } = this.#log.group(APP);
    return ends.every((end, partition) => {
      const log = this.#log.topics.get(TOPIC)?.partitions[partition];
      const from = offsets.get(`${TOPIC}/${partition}`) ?? 0;
      const [next] = log?.read(from, 1).messages ?? [];
      return next === undefined || next.offset >= end;
    });
  }

  #appended(topic: string, batch: Batch): void {
    if (!batch.transactional) return;
    const open = this.#open.get(batch.producerId);
    if (open) open.push({ topic, batch });
    else this.#open.set(batch.producerId, [{ topic, batch }]);
  }

  /** A transaction is all or nothing from here on: what a tick sent, and its entry. */
  #decided({ producerId }: ProducerState, committed: boolean): void {
    const batches = this.#open.get(producerId) ?? [];
    this.#open.delete(producerId);
    if (!committed) return;
    const records = batches.flatMap(({ topic, batch }) => batch.records.map((record) => ({ topic, record })));
    const messages = records.filter(({ topic }) => topic === TOPIC).map(({ record }) => said(record.value));
    const entriesOf = (key: string) =>
      records
        .filter(({ topic, record }) => topic === JOURNAL && decoder.decode(record.key ?? undefined) === key)
        .map(({ record }) => JSON.parse(decoder.decode(record.value ?? undefined)));
    this.#beside(entriesOf(`timer:${BESIDE}`));
    const entries = entriesOf(TIMER_KEY);
    for (const { since } of entriesOf(RULE_KEY)) this.#since ??= since;
    for (const { slot, epoch, worker } of messages) {
      if (this.slots.has(slot)) this.fail(`slot ${slot} is published again, by ${worker} in epoch ${epoch}`);
      if (slot <= this.lastSlot) this.fail(`slot ${slot} is published after ${this.lastSlot}`);
      if (this.lastSlot > 0 && slot > this.lastSlot + INTERVAL_MS) {
        this.fail(`slot ${slot} follows ${this.lastSlot}: ${(slot - this.lastSlot) / INTERVAL_MS - 1} are missing`);
      }
      if (this.lastSlot === 0) this.#first(slot);
      if (epoch < this.#epoch) this.fail(`epoch ${epoch} publishes after ${this.#epoch}`);
      this.#epoch = Math.max(this.#epoch, epoch);
      this.slots.add(slot);
      this.lastSlot = Math.max(this.lastSlot, slot);
    }
    const published = messages.map(({ slot }) => slot).join();
    const journaled = entries.map(({ slot }) => slot).join();
    if (published !== journaled) this.fail(`the journal says ${journaled || "nothing"} of what publishes ${published}`);
    for (const { slot, outcome } of entries) {
      if (outcome !== "ok") this.fail(`slot ${slot} is ${outcome}`);
      if (slot <= this.#journalSlot) this.fail(`the journal goes from ${this.#journalSlot} back to ${slot}`);
      this.#journalSlot = slot;
    }
  }

  /** The first slot ever is the one after the timer was first seen, however many masters have died meanwhile. */
  #first(slot: number): void {
    if (this.#since === undefined) {
      return this.fail(`slot ${slot} is published before the timer's rule is written down`);
    }
    const first = (Math.floor(this.#since / INTERVAL_MS) + 1) * INTERVAL_MS;
    if (slot !== first) this.fail(`slot ${slot} is the first: ${(slot - first) / INTERVAL_MS} before it are lost`);
  }

  /** The timer beside has each slot once, counted once, and failed where what it sent was refused, as nobody else did. */
  #beside(entries: readonly { slot: number; outcome: string; ran: number; failed: number }[]): void {
    for (const { slot, outcome, ran, failed } of entries) {
      const { slot: last, runs } = this.#lastBeside;
      if (slot <= last) this.fail(`the journal of the timer beside goes from ${last} back to ${slot}`);
      if (ran + failed !== runs + 1) this.fail(`${ran + failed} runs of the timer beside after ${runs}, at ${slot}`);
      if (outcome !== (isRefused(slot) ? "failed" : "ok")) this.fail(`slot ${slot} of the timer beside is ${outcome}`);
      this.#lastBeside = { slot, runs: ran + failed };
    }
  }

  /** Nothing is committed that nobody has handled, and nothing again that another has gone beyond. */
  #committed(offsets: ReadonlyMap<string, number>, by: string): void {
    for (const [key, offset] of offsets) {
      const [topic = "", partition] = key.split("/");
      const log = this.#log.topics.get(topic)?.partitions[Number(partition)];
      const from = this.#checked.get(key) ?? 0;
      const before = this.#committers.get(key);
      if (offset >= from) {
        this.#committers.set(key, by);
        this.#setBack.delete(key);
      } else if (by === before) {
        // A commit of its own that was given up may still come after a later one.
        this.#setBack.set(key, offset);
      } else if (offset < (this.#setBack.get(key) ?? from)) {
        this.fail(`${key} is committed up to ${offset} by ${by}, after ${from} by ${before}`);
      }
      for (let at = from; at < offset; at++) {
        const { record, fate } = log?.entries[at] ?? {};
        if (record === undefined || fate?.state === "aborted") continue;
        if (!this.#handled.get(key)?.has(at)) {
          this.fail(`${key} is committed up to ${offset}, and ${at} was not handled`);
        }
      }
      this.#checked.set(key, Math.max(from, offset));
    }
  }
}
