import type { TimerPolicy } from "../../src/core/timer.ts";

/** What a timer does unless it says something else. */
export const DEFAULT_POLICY: TimerPolicy = {
  overlap: "skip",
  catchUp: "one",
  catchUpWithin: Infinity,
  retry: 0,
  timeout: undefined,
  spread: 0,
  immediately: false,
};
