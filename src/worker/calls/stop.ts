import { formatDuration } from "../../core/duration.ts";
import type { LogFields } from "../../core/logger.ts";
import type { Context } from "../../runtime/context.ts";

/** What runs the program's own code: the loop of an actor, of a timer, of a task. */
export interface Running {
  /** Begins nothing more; handlers and tasks are told to end. What is in hand goes on. */
  end(): void;
  /** Resolves when nothing of it is in hand. */
  idle(): Promise<void>;
  /** The time to stop is over: what is in hand is not waited for any more. Says what that is. */
  cutOff(): readonly CutOff[];
}

/** Something that had no time to end. */
export interface CutOff {
  /** A sentence. */
  readonly what: string;
  readonly fields: LogFields;
}

/** Calls a function as a part of what runs, so that a `stop()` in it is known for one that cannot be waited for there. */
export function runAs<R>(calls: Context<Running> | undefined, who: Running, call: () => R): R {
  return calls === undefined ? call() : calls.run(who, call);
}

/** `in hand for 24s` */
export function inFlightFor(ms: number): string {
  return `in hand for ${formatDuration(ms < 1000 ? Math.round(ms) : Math.round(ms / 1000) * 1000)}`;
}

/** Resolves when nothing of all these is in hand. */
export async function allIdle(running: readonly Running[]): Promise<true> {
  await Promise.all(running.map((each) => each.idle()));
  return true;
}

/** What runs that calls `stop()` itself, and whoever it would wait for in vain: others that do the same. */
export class Callers {
  readonly #called = new Map<Running, PromiseWithResolvers<void>>();

  /** Resolves when all others have nothing in hand, or have called `stop()` too. */
  async othersIdle(caller: Running, all: readonly Running[]): Promise<void> {
    this.#of(caller).resolve();
    const others = all.filter((each) => each !== caller);
    await Promise.all(others.map((each) => Promise.race([each.idle(), this.#of(each).promise])));
  }

  #of(running: Running): PromiseWithResolvers<void> {
    const known = this.#called.get(running) ?? Promise.withResolvers<void>();
    this.#called.set(running, known);
    return known;
  }
}
