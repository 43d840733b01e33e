/**
 * Slots: the moments at which a timer runs. They are the multiples of its interval since 1970-01-01T00:00:00Z, in
 * milliseconds, so that every worker agrees on them without talking, and the mean period is the interval however
 * long the function takes.
 */

/** The first slot later than `after`; both in ms since the epoch. */
export function nextSlot(interval: number, after: number): number {
  return (Math.floor(after / interval) + 1) * interval;
}
