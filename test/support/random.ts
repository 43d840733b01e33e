/** Numbers from 0 to 1, as `Math.random` gives them. */
export type Chance = () => number;

/** Numbers that are always the same for a seed (mulberry32). */
export function seeded(seed: number): Chance {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 to below `end`. */
export function below(chance: Chance, end: number): number {
  return Math.floor(chance() * end);
}

/** A number from `from` up to `to`. */
export function between(chance: Chance, from: number, to: number): number {
  return from + chance() * (to - from);
}

/** One of them. Throws if there is none. */
export function oneOf<T>(chance: Chance, list: readonly T[]): T {
  const one = list[below(chance, list.length)];
  if (one === undefined) throw new Error("there is nothing to choose from");
  return one;
}
