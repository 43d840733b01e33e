import type { Clock } from "./clock.ts";
import { type LogFields, type Logger, REPEAT_LOG_MS } from "./logger.ts";

/** Tells of an outage without a flood: one line when it has begun, one a minute while it lasts, one when it is over. */
export class Outage {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #grace: number;
  #since: number | undefined;
  #logged: number | undefined;

  /** `grace`: what is over within this many ms is not told at all. */
  constructor(logger: Logger, clock: Clock, grace = 0) {
    this.#logger = logger;
    this.#clock = clock;
    this.#grace = grace;
  }

  get lasting(): boolean {
    return this.#since !== undefined;
  }

  /** Whether it lasts and has been told. */
  get logged(): boolean {
    return this.#logged !== undefined;
  }

  /** Nobody is to hear any more of it. */
  drop(): void {
    this.#since = this.#logged = undefined;
  }

  /** It failed, or failed again; `sentence` says what is wrong, `next` what is done about it. */
  failed(sentence: string, fields?: LogFields, next = "Trying again until it works."): void {
    const now = this.#clock.monotonic();
    this.#since ??= now;
    if (now - this.#since < this.#grace) return;
    if (this.#logged !== undefined && now - this.#logged < REPEAT_LOG_MS) return;
    const lasting = this.#logged === undefined ? "" : ` This has lasted for ${seconds(now - this.#since)}.`;
    this.#logged = now;
    this.#logger.warn(`${sentence}${lasting} ${next}`, fields);
  }

  /** It works. */
  over(sentence: string): void {
    if (this.#since === undefined) return;
    if (this.#logged !== undefined) {
      this.#logger.info(`${sentence} after ${seconds(this.#clock.monotonic() - this.#since)}.`);
    }
    this.#since = this.#logged = undefined;
  }
}

/** A duration for people. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
