/** Time, handed in so that tests need no waiting; all in ms. */
export interface Clock {
  /** Since some moment in the past; never set back. */
  monotonic(): number;
  /** Since 1970-01-01T00:00:00Z. */
  wall(): number;
  /**
   * Since the machine was started, with the time in which it was suspended: never set back, and never standing still.
   * Undefined where it cannot be asked; the monotonic clock leaves that time out on many systems.
   */
  boot?(): number | undefined;
}

/** What runs at certain times asks this what time it is, in ms since the epoch. */
export interface WallClock {
  now(): number;
}

/** The clocks of this process. */
export const systemClock: Clock = { monotonic: () => performance.now(), wall: () => Date.now() };
