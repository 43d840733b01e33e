import { type Clock, systemClock } from "./clock.ts";

/** Resolves after `ms`, or at once when the signal aborts. Handed in beside the clock where tests need no waiting. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** The longest that a timer of the runtimes can wait; a longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `done` after `ms`, also when that is longer than a timer of the runtimes can wait: it is waited for in pieces. Gives
 * what cancels it. Whatever waits for as long as a user says waits by this.
 */
export function startTimer(ms: number, done: () => void, longest: number = LONGEST_TIMER_MS): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (left: number) => {
    timer = left > longest ? setTimeout(() => wait(left - longest), longest) : setTimeout(done, left);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/** What code that does not wait by itself takes time by: the clocks, and timers beside them. */
export interface Time extends Clock {
  /** Calls `done` after `ms`; gives what cancels it. */
  startTimer(ms: number, done: () => void): () => void;
}

/** The clocks and timers of this process. */
export const systemTime: Time = { ...systemClock, startTimer };

/** Calls `done` every `ms`; gives what ends it. */
export function repeat(time: Pick<Time, "startTimer">, ms: number, done: () => void): () => void {
  let cancel = time.startTimer(ms, again);
  function again() {
    cancel = time.startTimer(ms, again);
    done();
  }
  return () => cancel();
}

/** The sleep of this process; keeps it alive. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const cancel = startTimer(ms, done);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}

/** What a promise gives, or undefined when it takes longer than `ms`; leaves no timer behind. */
export async function deadline<T>(promise: Promise<T>, ms: number, sleep: Sleep = delay): Promise<T | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([promise, sleep(ms, over.signal).then(() => undefined)]);
  } finally {
    over.abort();
  }
}

/** How long work may go on without letting others have their turn. */
const STRETCH_MS = 20;

/**
 * Lets others have their turn now and then, in work that goes on for seconds and waits for nothing by itself: a worker
 * whose heartbeats cannot be sent is taken for dead.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  #since: number;
  #rest: Promise<void> | undefined;

  constructor(clock: Clock, sleep: Sleep = delay) {
    this.#clock = clock;
    this.#sleep = sleep;
    this.#since = clock.monotonic();
  }

  /** What is to be waited for before the work goes on; undefined: nothing. */
  due(): Promise<void> | undefined {
    if (this.#rest === undefined && this.#clock.monotonic() - this.#since > STRETCH_MS) {
      this.#rest = this.#sleep(0).then(() => {
        this.#rest = undefined;
        this.#since = this.#clock.monotonic();
      });
    }
    return this.#rest;
  }

  /**
   * A rejection that waits for what is `due`: code that minds no refusal, and tries again at once, would otherwise run on
   * for ever without anybody else.
   */
  refusal(error: unknown): Promise<never> {
    const rest = this.due();
    const refuse = () => Promise.reject(error);
    return rest ? rest.then(refuse) : refuse();
  }
}
