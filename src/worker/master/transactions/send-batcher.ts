import { isOver } from "../../../driver/master-log.ts";
import { MephistoError } from "../../../core/errors.ts";
import type { Pacer } from "../../../core/delay.ts";
import type { OutgoingRecord } from "../../../driver/driver.ts";
import { tasksEntry } from "../journal/journal.ts";
import { textHeaders, withHeader } from "../../calls/encode-message.ts";
import type { TransactionQueue } from "./transaction-queue.ts";
import { sizeOf } from "../../calls/sends.ts";

/** The most that may wait to be committed. */
const WAITING_BYTES = 256 << 20;
/** What a send takes while it waits, beside its message, roughly: promises, mostly. */
const WAITING_OVERHEAD_BYTES = 512;
/** The most that is committed together. */
const BATCH_BYTES = 16 << 20;

interface Waiting {
  readonly record: OutgoingRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Of one topic, so that one which takes nothing at the moment holds up no other. */
interface Queue {
  readonly waiting: Waiting[];
  flushing: boolean;
}

/** What the tasks on a master send: gathered while a transaction is under way, then committed together. */
export class SendBatcher {
  readonly #transactions: TransactionQueue;
  readonly #epoch: number;
  readonly #turns: Pacer;
  readonly #queues = new Map<string, Queue>();
  #bytes = 0;
  #commits = 0;

  /** `turns`: others' between refusals. */
  constructor(transactions: TransactionQueue, epoch: number, turns: Pacer) {
    this.#turns = turns;
    this.#transactions = transactions;
    this.#epoch = epoch;
  }

  /**
   * Resolves when it is committed. Errors: `BUFFER_FULL`; `NOT_MASTER`, `FENCED`, `JOURNAL_LOST` (it may have been
   * committed then); those of the log, as `MESSAGE_TOO_LARGE`.
   */
  send(record: OutgoingRecord): Promise<void> {
    const size = sizeOf(record) + WAITING_OVERHEAD_BYTES;
    if (this.#bytes + size > WAITING_BYTES) {
      const sentence = `More than ${WAITING_BYTES >> 20} MiB of the tasks' sends wait to be committed: await them.`;
      return this.refusal(new MephistoError("BUFFER_FULL", sentence));
    }
    this.#bytes += size;
    let queue = this.#queues.get(record.topic);
    if (queue === undefined) this.#queues.set(record.topic, queue = { waiting: [], flushing: false });
    const { waiting } = queue;
    const sent = new Promise<void>((resolve, reject) => waiting.push({ record, resolve, reject }));
    if (!queue.flushing) void this.#flush(queue);
    return sent;
  }

  /** A send that is refused. */
  refusal(error: MephistoError): Promise<never> {
    return this.#turns.refusal(error);
  }

  async #flush(queue: Queue): Promise<void> {
    queue.flushing = true;
    let batch: Waiting[] = [];
    try {
      while (queue.waiting.length > 0) {
        batch = []; // the last one is done, also if this one is never taken
        await this.#commit(() => batch = this.#take(queue), () => batch);
      }
    } catch (error) {
      // None of this throws as long as our code is right.
      for (const { reject } of [...batch, ...queue.waiting.splice(0)]) reject(error);
    } finally {
      queue.flushing = false;
    }
  }

  /** Part of a batch that cannot be committed may still be: only the culprit fails. */
  async #commit(take: () => readonly Waiting[], taken: () => readonly Waiting[]): Promise<void> {
    try {
      await this.#transactions.commit(() => ({
        records: take().map(({ record }) => record),
        journal: [tasksEntry({ epoch: this.#epoch, commit: ++this.#commits })],
      }));
      for (const { resolve } of taken()) resolve();
    } catch (error) {
      const batch = taken();
      const rest = this.#turns.due();
      if (rest) await rest;
      if (isOver(error) || batch.length <= 1) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const half = batch.length >> 1;
      for (const part of [batch.slice(0, half), batch.slice(half)]) await this.#commit(() => part, () => part);
    }
  }

  #take({ waiting }: Queue): Waiting[] {
    let bytes = 0;
    const size = waiting.findIndex(({ record }) => (bytes += sizeOf(record)) > BATCH_BYTES);
    const batch = waiting.splice(0, size < 0 ? waiting.length : Math.max(1, size));
    for (const { record } of batch) this.#bytes -= sizeOf(record) + WAITING_OVERHEAD_BYTES;
    return batch;
  }
}

/** How a task on the master sends. */
export function sendOfTask(
  task: string,
  epoch: number,
  batcher: SendBatcher,
  holds: () => boolean,
): (record: OutgoingRecord) => Promise<void> {
  // Once for all: of many sends that wait they would take most of the memory.
  const headers = textHeaders({ "mephisto-task": task, "mephisto-epoch": String(epoch) });
  return (record) => {
    if (holds()) return batcher.send(withHeader(record, headers));
    const sentence = `A send of task ${task} is refused: this worker is no longer master.`;
    return batcher.refusal(new MephistoError("NOT_MASTER", sentence));
  };
}
