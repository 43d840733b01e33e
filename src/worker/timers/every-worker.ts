import type { Clock } from "../../core/clock.ts";
import type { Publisher } from "../../driver/driver.ts";
import type { TimerScope } from "./timer-loop.ts";

/** Timers of every worker run for as long as it does, and are written down nowhere. */
export function everyWorkerScope(clock: Clock, signal: AbortSignal, { send }: Pick<Publisher, "send">) {
  return {
    epoch: 0,
    signal,
    clock: { now: () => clock.wall() },
    holds: () => true,
    ready: () => !signal.aborted,
    recordOf: () => undefined,
    write(_, state, run) {
      state.settle(state.after(run, 0, undefined));
      return Promise.resolve();
    },
    lag: () => Promise.resolve(0),
    send,
  } satisfies TimerScope;
}
