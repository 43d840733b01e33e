import type { Clock } from "./clock.ts";
import { formatDuration } from "./duration.ts";
import { describeThrown, MephistoError } from "./errors.ts";
import { guarded, type LogFields, type Logger } from "./logger.ts";
import type { Sleep } from "./delay.ts";
import { LOOP_RESTARTS_MS } from "./backoff.ts";

/** A loop that was started again is trusted after so long. */
const SOUND_AFTER_MS = 10_000;
/** After so long its next failure counts as its first. */
const STEADY_AFTER_MS = 300_000;

export interface SupervisorParts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** Something does not go on whatever is tried: the worker is to end. */
  failed(error: MephistoError): void;
}

export interface LoopOptions {
  /** It is to end when this aborts. What it throws afterwards is logged. */
  readonly signal?: AbortSignal | undefined;
  /** Whether to return before that is a fault as well. */
  readonly endless?: boolean;
  readonly fields?: LogFields;
}

/**
 * Looks after the loops that a worker is made of. None of them throws as long as our code is right; one that does would
 * otherwise end in silence, and leave a worker that holds its partitions and does nothing. So the fault is logged, the
 * worker is not ready, with this as the reason, and the loop is started again; when that does not help the worker ends,
 * so that another has its work.
 */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #troubles = new Map<string, { readonly reason: string; until: number }>();

  constructor(parts: SupervisorParts) {
    this.#parts = { ...parts, logger: guarded(parts.logger, () => {}) };
  }

  /** Why the worker is not ready: a sentence. */
  get trouble(): string | undefined {
    for (const [name, { reason, until }] of this.#troubles) {
      if (until > this.#parts.clock.monotonic()) return reason;
      this.#troubles.delete(name);
    }
    return undefined;
  }

  /** Runs a loop until it returns. `name` as in "The loop of actor orders". Never rejects. */
  async loop(name: string, run: () => Promise<void>, options: LoopOptions = {}): Promise<void> {
    const { clock, logger, sleep } = this.#parts;
    const { signal, endless = false, fields } = options;
    for (let failures = 0;; failures++) {
      const began = clock.monotonic();
      let error: unknown;
      try {
        await run();
        if (!endless || signal?.aborted) return;
        error = new Error("it has returned");
      } catch (thrown) {
        error = thrown;
      }
      const why = `${name} has failed, which is a fault of Mephisto: ${describeThrown(error)}.`;
      if (signal?.aborted) return logger.error(`${why} It was about to end.`, fields);
      if (clock.monotonic() - began >= STEADY_AFTER_MS) failures = 0;
      const wait = LOOP_RESTARTS_MS[failures];
      if (wait === undefined) {
        return this.#end(name, `${why} The worker ends: it did not help to start it again.`, error, fields);
      }
      const trouble = { reason: why, until: Infinity };
      this.#troubles.set(name, trouble);
      logger.error(`${why} It is started again in ${formatDuration(wait)}.`, fields);
      await sleep(wait, signal);
      if (signal?.aborted) return;
      trouble.until = clock.monotonic() + SOUND_AFTER_MS;
    }
  }

  /** Runs something that happens once, and without which the worker would be stuck: if it throws, the worker ends. */
  async once(name: string, run: () => Promise<void>, { signal, fields }: LoopOptions = {}): Promise<void> {
    try {
      await run();
    } catch (error) {
      const why = `${name} has failed, which is a fault of Mephisto: ${describeThrown(error)}.`;
      if (signal?.aborted) return this.#parts.logger.error(`${why} It was about to end.`, fields);
      this.#end(name, `${why} The worker ends.`, error, fields);
    }
  }

  #end(name: string, sentence: string, cause: unknown, fields: LogFields | undefined): void {
    this.#troubles.set(name, { reason: sentence, until: Infinity });
    this.#parts.logger.error(sentence, { ...fields, code: "INTERNAL" });
    this.#parts.failed(new MephistoError("INTERNAL", sentence, { cause }));
  }
}
