import { clearTimeout, setTimeout } from "node:timers";

/** Something that will be done later, unless it is cancelled. */
export interface Timer {
  cancel(): void;
}

/** Timers, handed in so that tests move time by hand. */
export interface Timers {
  /** Runs `task` once after `ms` milliseconds. */
  after(ms: number, task: () => void): Timer;
}

/** The timers of this process; they do not keep it alive. `stop` cancels all that are left, and those set later. */
export class SystemTimers implements Timers {
  readonly #pending = new Set<Timer>();
  #stopped = false;

  /** How many are still to run. */
  get pending(): number {
    return this.#pending.size;
  }

  after(ms: number, task: () => void): Timer {
    const handle = setTimeout(() => {
      this.#pending.delete(timer);
      task();
    }, ms);
    handle.unref();
    const timer = {
      cancel: () => {
        clearTimeout(handle);
        this.#pending.delete(timer);
      },
    };
    if (this.#stopped) timer.cancel();
    else this.#pending.add(timer);
    return timer;
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of [...this.#pending]) timer.cancel();
  }
}
