import { askingSignal } from "../../core/asking-signal.ts";
import { MephistoError } from "../../core/errors.ts";
import type { Term } from "./mastership.ts";

/** How long what runs in a term may begin, goes on, and counts. */
export class TermSignals {
  readonly #term: Pick<Term, "holds" | "signal">;
  readonly #over = new AbortController();
  /** No run begins any more; tasks are told to end. What is in hand may go on, and publish. */
  readonly #closing = new AbortController();
  /** Nothing that is in hand counts any more. */
  readonly #runsOver = new AbortController();

  constructor(term: Pick<Term, "holds" | "signal">) {
    this.#term = term;
  }

  /** Whether the term lasts. */
  holds(): boolean {
    return !this.#over.signal.aborted && this.#term.holds();
  }

  /** Whether what runs may still be published. */
  mayPublish(): boolean {
    return !this.#runsOver.signal.aborted && this.holds();
  }

  /** Whether a run may begin. */
  mayBegin(): boolean {
    return !this.#closing.signal.aborted && this.mayPublish();
  }

  /** Aborts when the term is over. */
  get term(): AbortSignal {
    return AbortSignal.any([this.#term.signal, this.#over.signal]);
  }

  /** Of a timer's runs: aborts when nothing of them counts any more. */
  ofTimers(): AbortSignal {
    return this.#asking();
  }

  /** Of tasks: aborts when they are told to end. */
  ofTasks(): AbortSignal {
    return this.#asking(this.#closing.signal);
  }

  close(): void {
    this.#closing.abort(new MephistoError("NOT_MASTER", "Mastership is handed over: end."));
  }

  endRuns(): void {
    this.#closing.abort();
    this.#runsOver.abort(new MephistoError("NOT_MASTER", "Mastership is over: this worker hands it over."));
  }

  end(): void {
    this.#over.abort();
  }

  #asking(...more: readonly AbortSignal[]): AbortSignal {
    const signal = AbortSignal.any([this.#term.signal, this.#over.signal, this.#runsOver.signal, ...more]);
    return askingSignal(signal, () => void this.holds());
  }
}
