import type { TimerRecord } from "../../timers/timer-record.ts";
import type { AppDefinition } from "../../../core/definition.ts";
import { messageOf } from "../../../core/errors.ts";
import { codeField, type Logger } from "../../../core/logger.ts";
import type { TimerDefinition } from "../../../core/timer.ts";
import { isOver, type PartitionOffset } from "../../../driver/master-log.ts";
import { timerEntry } from "../journal/journal.ts";
import { withHeaders } from "../../calls/encode-message.ts";
import type { TransactionQueue } from "./transaction-queue.ts";
import type { TickResult, TimerState } from "../../timers/timer-state.ts";
import type { Draft } from "./transaction-part.ts";

export interface TickWriterParts {
  readonly actors: AppDefinition["actors"];
  readonly transactions: TransactionQueue;
  readonly epoch: number;
  readonly logger: Logger;
}

/** Publishes what the ticks of one term sent, each with its entry in the journal. */
export class TickWriter {
  readonly #parts: TickWriterParts;
  /** Timers whose last messages were refused: the next go alone until some are taken. */
  readonly #refused = new Set<string>();

  constructor(parts: TickWriterParts) {
    this.#parts = parts;
  }

  /**
   * The tick's messages and its entry in one transaction; if the messages cannot be published, the entry of a failed
   * tick. Errors: as {@link TransactionQueue.commit}, when nothing could be written.
   */
  async write(timer: TimerDefinition, state: TimerState, run: TickResult): Promise<void> {
    try {
      await this.#commit(timer, state, run);
      if (run.records.length > 0) this.#refused.delete(timer.name);
    } catch (error) {
      if (isOver(error) || run.records.length === 0) throw error;
      this.#refused.add(timer.name);
      const [at, why] = [new Date(run.slot).toISOString(), messageOf(error)];
      this.#parts.logger.error(`Timer ${timer.name} failed at ${at}: its messages could not be published. ${why}`, {
        timer: timer.name,
        slot: at,
        ...codeField(error),
      });
      await this.#commit(timer, state, { ...run, outcome: "failed", error: why, records: [] });
    }
  }

  async #commit({ name, policy }: TimerDefinition, state: TimerState, run: TickResult): Promise<void> {
    const { epoch, transactions } = this.#parts;
    const records = withHeaders(run.records, {
      "mephisto-timer": name,
      "mephisto-slot": String(run.slot),
      "mephisto-epoch": String(epoch),
    });
    const byEnds = policy.overlap === "untilConsumed";
    let written: TimerRecord | undefined;
    const journal = ({ earlier, ends }: Draft) => {
      written = state.after(run, epoch, byEnds ? this.consumed(ends()) : undefined, earlier.get(name));
      earlier.set(name, written);
      return [timerEntry(name, written)];
    };
    const alone = records.length > 0 && this.#refused.has(name);
    await transactions.commit(
      () => ({ records, journal, byEnds, alone, timer: name }),
      () => written && state.settle(written),
    );
  }

  /** Of the topics that the app's actors consume: nobody commits the others'. */
  consumed(ends: readonly PartitionOffset[]): PartitionOffset[] {
    const topics = new Set([...this.#parts.actors.values()].map(({ topic }) => topic));
    return ends.filter(({ topic }) => topics.has(topic));
  }
}
