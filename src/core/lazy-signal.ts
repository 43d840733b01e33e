import { askingSignal } from "./asking-signal.ts";

/** A signal that is made when somebody asks for it, since few handlers do. Reading it asks, as {@link askingSignal} says. */
export class LazySignal {
  readonly #mayBeOver: () => unknown;
  #controller: AbortController | undefined;
  #reason: unknown;
  /** Whether the signal that was made last has aborted. */
  #hasAborted = false;

  /** `mayBeOver`: why it may be over, at the moment; undefined: it is not. */
  constructor(mayBeOver: () => unknown = () => undefined) {
    this.#mayBeOver = mayBeOver;
  }

  /** One that was aborted because it might be over, and is not, is made anew. */
  get signal(): AbortSignal {
    if (this.notified && this.#mayBeOver() === undefined) this.renew();
    const controller = this.#controller ??= this.#make();
    return controller.signal;
  }

  /** Whether somebody has read that it may be over, without its being so for good. */
  get notified(): boolean {
    return this.#reason === undefined && this.#hasAborted;
  }

  /** What was told of what may be over concerns what comes next no more. */
  renew(): void {
    if (!this.notified) return;
    this.#controller = undefined;
    this.#hasAborted = false;
  }

  /** It is over for good. */
  abort(reason: unknown): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }

  #make(): AbortController {
    const controller = new AbortController();
    controller.signal.addEventListener("abort", () => this.#hasAborted = true, {
      once: true,
    });
    askingSignal(controller.signal, () => {
      const reason = this.#mayBeOver();
      if (reason !== undefined) controller.abort(reason);
    });
    if (this.#reason !== undefined) controller.abort(this.#reason);
    return controller;
  }
}

/** Aborts with the first of them. */
export function anyOf(all: readonly LazySignal[]): AbortSignal {
  const signals = all.map(({ signal }) => signal);
  const [first] = signals;
  if (first !== undefined && signals.length === 1) return first;
  return askingSignal(AbortSignal.any(signals), () => signals.some(({ aborted }) => aborted));
}
