import type { Clock } from "../../core/clock.ts";
import { isRetriable } from "../../core/errors.ts";
import { BACKOFF, Backoff } from "../../core/backoff.ts";
import { delay } from "../../core/delay.ts";
import { type MayTry, notMaster } from "../../driver/master-log.ts";
import { Code } from "../../wire/error-codes.ts";
import { ProtocolError } from "./errors.ts";

export interface RetryOptions {
  readonly mayTry: MayTry;
  /** No attempt begins later than this, on the monotonic clock in ms. */
  readonly until: number;
  readonly clock: Clock;
  /** Ends a pause between attempts. */
  readonly signal: AbortSignal;
}

/**
 * Makes attempts until one succeeds or fails with what does not pass by itself; `mayTry` is asked before each. Errors:
 * `NOT_MASTER` when it says no, and those of the last attempt.
 */
export async function retryWhile<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { mayTry, until, clock, signal } = options;
  const busy = new Backoff(BACKOFF.transactionEnd);
  const away = new Backoff(BACKOFF.coordinator);
  for (;;) {
    if (!mayTry()) throw notMaster();
    try {
      return await attempt();
    } catch (error) {
      if (!isRetriable(error) || clock.monotonic() > until) throw error;
      await delay(isBusy(error) ? busy.next() : away.next(), signal);
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof ProtocolError && error.kafkaCode === Code.CONCURRENT_TRANSACTIONS;
}
