/** Time, handed in so that tests need no waiting; all in ms. */
export interface Clock {
  /** Since some moment in the past; never set back. */
  monotonic(): number;
  /** Since 1970-01-01T00:00:00Z. */
  wall(): number;
}

/** The clocks of this process. */
export const systemClock: Clock = { monotonic: () => performance.now(), wall: () => Date.now() };
