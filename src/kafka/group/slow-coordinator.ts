import type { Clock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import type { Logger } from "../../core/logger.ts";
import { unansweredIntervalMs } from "../../core/membership/pulse.ts";
import { leaseTerms } from "../../core/membership/terms.ts";
import { Outage } from "../../core/outage.ts";

/** How many times an answer's time a session should have at least: two that are late in a row, and what is lost beside. */
const ANSWERS_IN_A_SESSION = 3;
/** Sooner than this an answer is not slow, however short a session is. */
const SLOW_MS = 500;
/** Who looks this much later than usual was kept from it, and so were the answers kept from being read; in ms. */
const KEPT_FROM_LOOKING_MS = 500;

export interface SlowCoordinatorOptions {
  readonly sessionTimeout: number;
  readonly heartbeatInterval: number;
  /** How often it is looked, in ms. */
  readonly lookEveryMs: number;
}

/** Says when a coordinator takes so long to answer that the lease of a session runs out before it can be renewed. */
export class SlowCoordinator {
  readonly #sessionMs: number;
  readonly #lookEveryMs: number;
  /** An answer that takes so long comes too late. */
  readonly #usefulMs: number;
  readonly #clock: Clock;
  readonly #outage: Outage;
  #lookedAt: number | undefined;
  /** Until then what was measured may be this process's own slowness. */
  #doubtUntil = -Infinity;

  constructor(
    { sessionTimeout, heartbeatInterval, lookEveryMs }: SlowCoordinatorOptions,
    logger: Logger,
    clock: Clock,
  ) {
    this.#sessionMs = sessionTimeout;
    this.#lookEveryMs = lookEveryMs;
    const { margin } = leaseTerms(sessionTimeout);
    const usefulMs = sessionTimeout - margin - unansweredIntervalMs(heartbeatInterval, sessionTimeout);
    this.#usefulMs = Math.max(SLOW_MS, usefulMs);
    this.#clock = clock;
    this.#outage = new Outage(logger, clock);
  }

  /** To be called every `lookEveryMs`: how long the answers of the coordinator take. */
  look({ where, answerMs }: { readonly where: string | undefined; readonly answerMs: number }): void {
    const now = this.#clock.monotonic();
    const late = now - (this.#lookedAt ?? now) - this.#lookEveryMs;
    this.#lookedAt = now;
    if (late > KEPT_FROM_LOOKING_MS) this.#doubtUntil = now + this.#sessionMs;
    if (where === undefined || now < this.#doubtUntil) return;
    if (answerMs < this.#usefulMs) {
      return this.#outage.over(`The group's coordinator at ${where} answers in time for the session again`);
    }
    const needed = formatDuration(Math.ceil(ANSWERS_IN_A_SESSION * answerMs / 1000) * 1000);
    this.#outage.failed(
      `The group's coordinator at ${where} takes ${
        (answerMs / 1000).toFixed(1)
      } s to answer, too long for a session of ` +
        `${
          formatDuration(this.#sessionMs)
        }: the lease of this worker is over before it can be renewed, so that it loses ` +
        `its partitions and cannot be master.`,
      {},
      `Set a session timeout (--session-timeout) of ${needed} or more.`,
    );
  }
}
