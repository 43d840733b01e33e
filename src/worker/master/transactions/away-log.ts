import type { Clock } from "../../../core/clock.ts";
import type { Logger } from "../../../core/logger.ts";
import { Outage } from "../../../core/outage.ts";

/** A topic that is away for less is not told of, as one that is given another leader. */
const AWAY_GRACE_MS = 1000;

/** Logs which topics take nothing from the master, and when they do again. */
export class AwayLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #outages = new Map<string, Outage>();

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** `why`: missing, when all that waited is committed. */
  log(topic: string, why: string | undefined): void {
    const outage = this.#outages.get(topic) ?? new Outage(this.#logger, this.#clock, AWAY_GRACE_MS);
    this.#outages.set(topic, outage);
    if (why === undefined) return outage.over(`Topic ${topic} takes messages again: what waited for it is committed`);
    const next = "What the master sends there waits, and is tried apart; the rest goes on.";
    outage.failed(`Topic ${topic} takes nothing at the moment: ${why}`, { topic }, next);
  }
}
