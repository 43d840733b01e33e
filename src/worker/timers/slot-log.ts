import type { Clock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import type { Logger } from "../../core/logger.ts";
import { QUEUE_LIMIT } from "../../core/policy.ts";
import { LogThrottle } from "../../core/log-throttle.ts";
import type { TimerDefinition } from "../../core/timer.ts";

/** Logs which slots of a timer are not run, or late, and why. */
export class SlotLog {
  readonly #timer: TimerDefinition;
  readonly #logger: Logger;
  readonly #log: (sentence: string) => void;
  readonly #logLate: (sentence: string) => void;

  constructor(timer: TimerDefinition, logger: Logger, clock: Clock) {
    this.#timer = timer;
    this.#logger = logger;
    this.#log = new LogThrottle((sentence) => logger.warn(sentence), clock).log;
    this.#logLate = new LogThrottle((sentence) => logger.info(sentence), clock).log;
  }

  /** So many were skipped before a slot; `now`: that one is run late. */
  missed(slot: number, skipped: number, now: boolean, { tooOld, tooMany }: { tooOld: number; tooMany: number }): void {
    const { name, rule, policy: { catchUpWithin } } = this.#timer;
    const why = [
      ...(tooOld > 0 ? [`${tooOld} older than catchUpWithin, ${formatDuration(catchUpWithin)}`] : []),
      ...(tooMany > 0 ? [`${tooMany} since more than ${QUEUE_LIMIT} have come that wait for a run's end`] : []),
    ];
    const because = why.length > 0 ? ` (${why.join("; ")})` : "";
    const then = now ? `; ${timeOf(slot)} is run now` : "";
    this.#log(`Timer ${name} (${rule.text}) was not run in time: ${slots(skipped)} skipped${because}${then}.`);
  }

  /** The first of those that were missed and are run now. */
  late(slot: number): void {
    const { name, rule } = this.#timer;
    this.#logLate(`Timer ${name} (${rule.text}) was not run in time: it catches up from ${timeOf(slot)}.`);
  }

  /** A run took so long that slots were skipped. */
  took(ms: number, skipped: number): void {
    const { name, rule } = this.#timer;
    this.#log(`Timer ${name} (${rule.text}) took ${formatDuration(ms)}: ${slots(skipped)} skipped.`);
  }

  skips(slot: number, why: string): void {
    this.#log(`Timer ${this.#timer.name} skips ${timeOf(slot)}: ${why}.`);
  }

  setBack(ms: number): void {
    this.#logger.warn(
      `The clock has been set back by ${formatDuration(ms)}: timer ${this.#timer.name} goes on from now.`,
    );
  }

  waits(ms: number, why: string): void {
    this.#logger.warn(`Timer ${this.#timer.name} waits for ${formatDuration(ms)}: ${why}.`);
  }
}

function slots(count: number): string {
  return count === 1 ? "1 slot is" : `${count} slots are`;
}

function timeOf(slot: number): string {
  return new Date(slot).toISOString();
}
