import { errorCodeOf, isMephistoError, isRetriable, MephistoError, messageOf } from "../../../core/errors.ts";
import type { Sleep } from "../../../core/delay.ts";
import { BACKOFF, backoffMs } from "../../../core/backoff.ts";
import {
  type EndsOf,
  type FencedPublisher,
  isOver,
  type JournalEntry,
  type LogTime,
  TopicsAway,
} from "../../../driver/master-log.ts";
import { entriesOf, type Part, recordsOf } from "./transaction-part.ts";

/** An error that waiting does not mend, and that may be of what is published, is taken for that after so many attempts. */
const ATTEMPTS = 5;

export interface TransactionRunnerParts {
  readonly fenced: FencedPublisher;
  /** Whether the term lasts. */
  holds(): boolean;
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  /** Told of the log's time at each append. */
  appended(time: LogTime): void;
  /** Told of what ends it for good: `FENCED`, `JOURNAL_LOST`. */
  lost(error: MephistoError): void;
}

/** Takes the transactions of one term to the log, one at a time; each all of it, and one time. */
export class TransactionRunner {
  readonly #parts: TransactionRunnerParts;
  #trouble: string | undefined;

  constructor(parts: TransactionRunnerParts) {
    this.#parts = parts;
  }

  /** What keeps the transaction in hand from being committed. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Commits these together. What may pass by itself is tried again for as long as the term lasts, so that a tick is not
   * lost to a broker that is started again; `decided`: but not what only may, since that has been tried before. With
   * `timeoutMs`, in ms, nothing is tried again, nor for longer; nor is what topics fail by that are away.
   *
   * Errors: `NOT_MASTER`, `FENCED`, `JOURNAL_LOST`: whether it was committed the journal says to the next master. Any
   * other: nothing of it was or will be published.
   */
  async run(parts: readonly Part[], decided: boolean, timeoutMs?: number): Promise<void> {
    try {
      await this.#commit(parts, decided, timeoutMs);
    } finally {
      this.#trouble = undefined;
    }
  }

  async #commit(parts: readonly Part[], decided: boolean, timeoutMs: number | undefined): Promise<void> {
    const { fenced, appended } = this.#parts;
    let written: readonly JournalEntry[] = [];
    const journal = parts.some(({ byEnds }) => byEnds)
      ? (endsOf: EndsOf) => written = entriesOf(parts, endsOf)
      : written = entriesOf(parts);
    const transaction = { records: recordsOf(parts), journal, timeoutMs };
    for (let failures = decided ? ATTEMPTS : 1;; failures++) {
      this.#check();
      try {
        const { time } = await fenced.publish(transaction, this.#parts.holds);
        return appended(time);
      } catch (error) {
        if (errorCodeOf(error) === "UNKNOWN_OUTCOME") {
          // Not an abort: as a rule it was committed, and only the answer is lost. The journal knows.
          this.#trouble = messageOf(error);
          if (await this.#wasCommitted(written)) return;
        } else {
          const again = timeoutMs === undefined && !(error instanceof TopicsAway) && mayPass(error, failures);
          await this.#retry(error, again, failures);
        }
      }
    }
  }

  /**
   * Whether the journal's last entries are these, of each key the last: all of a transaction stand there, or none. Afterwards
   * the publisher can publish again.
   */
  async #wasCommitted(written: readonly JournalEntry[]): Promise<boolean> {
    const { fenced, holds } = this.#parts;
    await this.#patiently(() => fenced.recover(holds));
    const entries = await this.#patiently(() => fenced.read(holds));
    const last = lastOf(entries);
    return written.length > 0 &&
      [...lastOf(written)].every(([key, value]) => sameBytes(last.get(key) ?? null, value));
  }

  async #patiently<T>(attempt: () => Promise<T>): Promise<T> {
    for (let failures = 1;; failures++) {
      this.#check();
      try {
        return await attempt();
      } catch (error) {
        // Whatever it is: to give up here would leave open whether a tick was published.
        await this.#retry(error, !isOver(error), failures);
      }
    }
  }

  /** Waits before the next attempt; throws the error when there is to be none, as it does not pass. */
  async #retry(error: unknown, passes: boolean, failures: number): Promise<void> {
    const { signal, sleep } = this.#parts;
    const code = errorCodeOf(error);
    if (isMephistoError(error) && (code === "FENCED" || code === "JOURNAL_LOST")) {
      this.#parts.lost(error);
    }
    // When the term is over its connections are closed: what comes of that says nothing about the messages.
    this.#check();
    if (!passes) throw error;
    this.#trouble = messageOf(error);
    await sleep(backoffMs(BACKOFF.transaction, failures), signal);
  }

  #check(): void {
    if (!this.#parts.holds()) throw new MephistoError("NOT_MASTER", "This worker is no longer master.");
  }
}

/** Whether what a master may still publish passes after an attempt that failed so. */
function mayPass(error: unknown, failures: number): boolean {
  // One that the log reports for good may be the transaction's own fault, and that of the next may be none.
  return isRetriable(error) || errorCodeOf(error) === "PROTOCOL" && failures < ATTEMPTS;
}

function lastOf(entries: readonly JournalEntry[]): Map<string, Uint8Array | null> {
  return new Map(entries.map(({ key, value }) => [key, value]));
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
