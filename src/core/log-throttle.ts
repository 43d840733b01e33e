import type { Clock } from "./clock.ts";
import { REPEAT_LOG_MS } from "./logger.ts";

/** Tells what may happen very often in one line a minute, with the number of those that were not told. */
export class LogThrottle {
  readonly #tell: (sentence: string) => void;
  readonly #clock: Clock;
  #toldAt = -Infinity;
  #untold = 0;

  constructor(log: (sentence: string) => void, clock: Clock) {
    this.#tell = log;
    this.#clock = clock;
  }

  readonly tell = (sentence: string): void => {
    const now = this.#clock.monotonic();
    if (now - this.#toldAt < REPEAT_LOG_MS) {
      this.#untold++;
      return;
    }
    this.#tell(this.#untold === 0 ? sentence : `${sentence} (${this.#untold} more like it since the last line.)`);
    this.#toldAt = now;
    this.#untold = 0;
  };
}
