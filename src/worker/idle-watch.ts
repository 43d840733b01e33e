import { type Logger, ROUTINE } from "../core/logger.ts";
import type { Sleep } from "../core/delay.ts";
import type { Supervisor } from "../core/supervisor.ts";

/** A worker without partitions says so when it has had none for so long. */
const IDLE_AFTER_MS = 3000;

export interface IdleWatchParts {
  readonly logger: Logger;
  readonly sleep: Sleep;
  readonly supervisor: Supervisor;
  /** Whether it runs, has actors, has no partition, and not because a topic is gone. */
  isIdle(): boolean;
  /** How many partitions each topic has. */
  partitionCounts(): ReadonlyMap<string, number>;
  /** How many workers there are. */
  members(): number;
}

/** A worker that goes without partitions says so, once, when others have had the time to hand over. */
export class IdleWatch {
  readonly #parts: IdleWatchParts;
  #waiting = new AbortController();
  #logged = false;

  constructor(parts: IdleWatchParts) {
    this.#parts = parts;
  }

  look(): void {
    this.end();
    const { isIdle, logger, members, partitionCounts, sleep, supervisor } = this.#parts;
    if (this.#logged) return;
    const { signal } = this.#waiting = new AbortController();
    void supervisor.once("The look for partitions", async () => {
      await sleep(IDLE_AFTER_MS, signal);
      if (signal.aborted || !isIdle()) return;
      this.#logged = true;
      const counts = [...partitionCounts()].map(([topic, count]) => `${topic} has ${count}`).join(", ");
      logger.info(`No partition for this worker: ${counts}, for ${members()} workers. It stands by.`, ROUTINE);
    }, { signal });
  }

  /** It has some, or stops. */
  end(): void {
    this.#waiting.abort();
  }
}
