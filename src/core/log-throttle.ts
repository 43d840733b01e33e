import type { Clock } from "./clock.ts";
import { REPEAT_LOG_MS } from "./logger.ts";

/** Tells what may happen very often in one line a minute, with the number of those that were not told. */
export class LogThrottle {
  readonly #write: (sentence: string) => void;
  readonly #clock: Clock;
  #loggedAt = -Infinity;
  #suppressed = 0;

  constructor(log: (sentence: string) => void, clock: Clock) {
    this.#write = log;
    this.#clock = clock;
  }

  readonly log = (sentence: string): void => {
    const now = this.#clock.monotonic();
    if (now - this.#loggedAt < REPEAT_LOG_MS) {
      this.#suppressed++;
      return;
    }
    this.#write(
      this.#suppressed === 0 ? sentence : `${sentence} (${this.#suppressed} more like it since the last line.)`,
    );
    this.#loggedAt = now;
    this.#suppressed = 0;
  };
}
