import type { AppDefinition } from "../core/app.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { TimerDefinition } from "../core/timer.ts";
import type { PartitionOffset } from "../driver/master-log.ts";
import { timerEntry, type TimerRecord } from "./journal.ts";
import { withHeaders } from "./outgoing.ts";
import { isOver, type Publication } from "./publication.ts";
import type { TickResult, TimerBook } from "./timer-book.ts";

export interface TickWriterParts {
  readonly actors: AppDefinition["actors"];
  readonly publication: Publication;
  readonly epoch: number;
  readonly logger: Logger;
}

/** Publishes what the ticks of one reign sent, each with its entry in the journal. */
export class TickWriter {
  readonly #parts: TickWriterParts;

  constructor(parts: TickWriterParts) {
    this.#parts = parts;
  }

  /**
   * The tick's messages and its entry in one transaction; if the messages cannot be published, the entry of a failed
   * tick. Errors: as {@link Publication.commit}, when nothing could be written.
   */
  async write(timer: TimerDefinition, book: TimerBook, run: TickResult): Promise<void> {
    try {
      await this.#commit(timer, book, run);
    } catch (error) {
      if (isOver(error) || run.records.length === 0) throw error;
      const [at, why] = [new Date(run.slot).toISOString(), messageOf(error)];
      this.#parts.logger.error(`Timer ${timer.name} failed at ${at}: its messages could not be published. ${why}`);
      await this.#commit(timer, book, { ...run, outcome: "failed", error: why, records: [] });
    }
  }

  async #commit({ name, policy }: TimerDefinition, book: TimerBook, run: TickResult): Promise<void> {
    const { epoch, publication } = this.#parts;
    const records = withHeaders(run.records, {
      "mephisto-timer": name,
      "mephisto-slot": String(run.slot),
      "mephisto-epoch": String(epoch),
    });
    let written: TimerRecord | undefined;
    const entries = (ends?: readonly PartitionOffset[]) => {
      written = book.after(run, epoch, ends && this.consumed(ends));
      return [timerEntry(name, written)];
    };
    await publication.commit(
      () => ({ records, journal: policy.overlap === "untilConsumed" ? entries : entries() }),
      () => written && book.settle(written),
    );
  }

  /** Of the topics that the app's actors consume: nobody commits the others'. */
  consumed(ends: readonly PartitionOffset[]): PartitionOffset[] {
    const topics = new Set([...this.#parts.actors.values()].map(({ topic }) => topic));
    return ends.filter(({ topic }) => topics.has(topic));
  }
}
