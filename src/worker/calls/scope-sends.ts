import { type ErrorCode, isMephistoError, messageOf } from "../../core/errors.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";
import type { Scope } from "./scope.ts";
import { ObservedPromise } from "./observed-promise.ts";

/** More failures than these are not kept: one is enough to fail what they belong to. */
const MOST_FAILURES = 100;

/** A send that failed before anybody waited for it; somebody still may. */
interface Failure {
  readonly sent: ObservedPromise;
  readonly error: unknown;
}

/** Sends that were begun between two settlements. */
interface Round {
  pending: number;
  failures: Failure[];
  over: PromiseWithResolvers<void> | undefined;
}

export interface ScopeSendsParts {
  /** Whose they are: `actor orders`. */
  readonly name: string;
  send(record: OutgoingRecord): Promise<void>;
  /** Tells of a failure that can fail nothing any more, since the scope has ended: a sentence. */
  report(sentence: string): void;
  /** Whether each failure is told when it happens too: the scope may last for ever. */
  readonly reportsAtOnce?: boolean;
}

/**
 * What code sends at once while it runs as a handler, a task, or a timer of every worker: each send that it starts is waited
 * for, awaited or not, and one that fails without anybody waiting for it is a failure of that code. Never the process's end.
 */
export class ScopeSends implements Scope {
  readonly #parts: ScopeSendsParts;
  #round: Round = begin();
  /** Those that are being settled. */
  #settling: Round[] = [];
  #pending = 0;
  #failures = 0;
  #ended = false;

  constructor(parts: ScopeSendsParts) {
    this.#parts = parts;
  }

  send(record: OutgoingRecord): Promise<void> {
    let sending: Promise<void>;
    try {
      sending = this.#parts.send(record);
    } catch (error) {
      sending = Promise.reject(error);
    }
    return this.adopt(sending);
  }

  adopt(sending: Promise<void>): Promise<void> {
    const round = this.#ended ? undefined : this.#round;
    if (round) round.pending++, this.#pending++;
    const sent = new ObservedPromise((resolve, reject) => {
      sending.then(() => {
        resolve();
        if (round) this.#done(round);
      }, (error: unknown) => {
        reject(error);
        this.#failed(sent, error, round);
        if (round) this.#done(round);
      });
    });
    return sent;
  }

  /** Whether there is anything for `settle` to wait for or to raise. */
  get unsettled(): boolean {
    return this.#pending > 0 || this.#failures > 0;
  }

  /**
   * Waits for the sends that were begun before, and throws what one of them failed with that nobody waited for. Whatever is
   * begun meanwhile is not waited for: of code that always has a send under way there would be no end.
   */
  async settle(): Promise<void> {
    if (this.#round.pending > 0 || this.#round.failures.length > 0) {
      this.#settling.push(this.#round);
      this.#round = begin();
    }
    const rounds = this.#settling;
    for (const round of rounds) {
      if (round.pending > 0) await (round.over ??= Promise.withResolvers()).promise;
    }
    this.#settling = this.#settling.filter((round) => !rounds.includes(round));
    const failures = rounds.flatMap((round) => round.failures.splice(0));
    this.#failures -= failures.length;
    const failed = failures.find(({ sent }) => !sent.watched);
    if (failed) throw failed.error;
  }

  /** Waits as `settle`: what has failed already fails no more by it, nor does what comes next. */
  async forget(): Promise<void> {
    await this.settle().catch(() => {});
  }

  /** The code has ended; what it still begins is waited for by nobody. */
  end(): void {
    this.#ended = true;
  }

  #done(round: Round): void {
    this.#pending--;
    if (--round.pending === 0) round.over?.resolve();
  }

  #failed(sent: ObservedPromise, error: unknown, round: Round | undefined): void {
    // Whether somebody waits for it is known when it is settled: one may wait for it after it has failed.
    sent.excuse();
    markScoped(error);
    const { name, report, reportsAtOnce = false } = this.#parts;
    if (sent.watched) return;
    if (round === undefined || reportsAtOnce) {
      // `await` waits for it only a moment after it was called, when it may have been refused already.
      queueMicrotask(() => sent.watched || report(`A send of ${name} failed: ${messageOf(error)}`));
    }
    if (round === undefined) return;
    if (round.failures.length >= MOST_FAILURES) {
      this.#failures -= round.failures.length;
      round.failures = round.failures.filter((failure) => !failure.sent.watched);
      this.#failures += round.failures.length;
      if (round.failures.length >= MOST_FAILURES) return;
    }
    round.failures.push({ sent, error });
    this.#failures++;
  }
}

function begin(): Round {
  return { pending: 0, failures: [], over: undefined };
}

/** What a send fails with. */
const SENDING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ENCODE_FAILED",
  "UNREACHABLE",
  "AUTHENTICATION_FAILED",
  "NOT_AUTHORIZED",
  "UNTRUSTED_CERTIFICATE",
  "UNSUPPORTED_BROKER",
  "UNKNOWN_TOPIC",
  "MESSAGE_TOO_LARGE",
  "MESSAGE_REFUSED",
  "BUFFER_FULL",
  "SEND_TIMEOUT",
  "STOPPED",
  "PROTOCOL",
]);

const scoped = new WeakSet<object>();

/** A send failed with this that a scope knows of. */
export function markScoped(error: unknown): void {
  if (isMephistoError(error)) scoped.add(error);
}

/** Whether a send failed with this that was begun outside of all handlers, timers and tasks. */
export function isScopeless(error: unknown): boolean {
  return isMephistoError(error) && SENDING.has(error.code) && !scoped.has(error);
}
