import { inspect } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";

/** What `until` resolves with: the first value that is not falsy. */
type Truthy<T> = Exclude<T, false | null | undefined | 0 | "">;

const isTruthy = <T>(value: T): value is Truthy<T> => Boolean(value);

/**
 * Waits until `fn` gives something truthy and resolves with it. A throwing `fn` counts as "not yet".
 *
 * @param options.within limit in ms, 20 000 by default; also bounds a single call that hangs
 * @param options.every pause between calls in ms, 20 by default
 * @throws Error that says what was last seen
 *
 * ```ts
 * const leader = await until(() => workers.find((worker) => worker.isMaster), { within: 3000 });
 * ```
 */
export async function until<T>(
  fn: () => T | Promise<T>,
  { within = 20_000, every = 20 }: { within?: number; every?: number } = {},
): Promise<Truthy<T>> {
  const start = performance.now();
  const left = () => within - (performance.now() - start);
  let seen = "the first call has not come back";
  let error: unknown;
  const limit = new AbortController();
  // The stack is taken here, where it still shows the test that waits.
  const late = new Error();
  try {
    for (;;) {
      try {
        const pending = sleep(Math.max(0, left()), "late" as const, { signal: limit.signal });
        // An aborted limit rejects after the race is over; nobody is left to hear it.
        pending.catch(() => {});
        const outcome = await Promise.race([Promise.resolve(fn()).then((value) => ({ value })), pending]);
        if (outcome === "late") break;
        if (isTruthy(outcome.value)) return outcome.value;
        seen = inspect(outcome.value, { depth: 6 });
        error = undefined;
      } catch (cause) {
        seen = `it threw ${inspect(cause)}`;
        error = cause;
      }
      if (left() <= 0) break;
      await sleep(Math.min(every, Math.max(0, left())));
    }
  } finally {
    limit.abort();
  }
  late.message = `not true within ${within} ms; last seen: ${seen}`;
  late.cause = error;
  throw late;
}
