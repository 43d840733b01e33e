import type { Clock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import type { Logger } from "../../core/logger.ts";
import type { Sleep } from "../../core/delay.ts";
import type { Yielder } from "../../core/yielder.ts";

/** How often the watch looks whether timers still fire. */
const LOOK_INTERVAL_MS = 500;

/** Says what a piece of user code has in hand, as `actor orders at shop-orders[0] at offset 17`; undefined: nothing. */
export type InFlightText = () => string | undefined;

export interface BlockWatchParts {
  readonly yielder: Yielder;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly logger: Logger;
  /** In ms. */
  readonly sessionTimeout: number;
}

/**
 * Says in one line which handler, timer or task has kept the event loop from its turn for longer than a session: the group
 * has removed this worker by then, and nothing in the process could have prevented that.
 */
export class BlockWatch {
  readonly #parts: BlockWatchParts;
  readonly #running = new Set<InFlightText>();
  /** When a timer of this watch last fired, or a block was told of; on the monotonic clock. */
  #seen: number;

  constructor(parts: BlockWatchParts) {
    this.#parts = parts;
    this.#seen = parts.clock.monotonic();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, sleep } = this.#parts;
    while (!signal.aborted) {
      this.#seen = clock.monotonic();
      await sleep(LOOK_INTERVAL_MS, signal);
      if (signal.aborted) return;
      const silence = clock.monotonic() - this.#seen - LOOK_INTERVAL_MS;
      if (silence < this.#parts.sessionTimeout) continue;
      const texts = [...this.#running].flatMap((text) => text() ?? []);
      if (texts.length > 0) this.#log(texts.join(", or "), silence, " (unless it was stopped)");
    }
  }

  /** User code has come back to us, without having waited for anything since it was called: it alone has run. */
  returned(text: InFlightText): void {
    const { clock, yielder, sessionTimeout } = this.#parts;
    const now = clock.monotonic();
    const ran = Math.min(yielder.ran(now), now - this.#seen);
    if (ran < sessionTimeout) return;
    this.#seen = now;
    this.#log(text() ?? "a handler", ran, "");
  }

  /** Of what runs until the result is called. */
  enter(text: InFlightText): () => void {
    this.#running.add(text);
    return () => {
      this.returned(text);
      this.#running.delete(text);
    };
  }

  #log(what: string, blocked: number, orElse: string): void {
    const { logger, sessionTimeout } = this.#parts;
    logger.warn(
      `Nothing else in this process could run for ${(blocked / 1000).toFixed(1)} s${orElse}: ` +
        `${what} blocked it for longer than the session of ${
          formatDuration(sessionTimeout)
        }, so the group may have removed ` +
        `this worker. Split that work up, move it to a thread, or raise --session-timeout.`,
    );
  }
}
