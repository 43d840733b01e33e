import type { Fault } from "./faults.ts";
import { type Outcome, simulate } from "./simulation.ts";
import type { Mutant } from "./world.ts";

/**
 * The shortest history that still fails: leaves out faults, first many at once, then one by one, for as long as what is
 * left does not hold either.
 */
export async function shrink(
  seed: number,
  faults: readonly Fault[],
  mutant: Mutant = {},
): Promise<{ faults: readonly Fault[]; outcome: Outcome }> {
  let shortest = faults;
  for (let size = Math.ceil(faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < shortest.length;) {
      const without = [...shortest.slice(0, from), ...shortest.slice(from + size)];
      const { violation } = await simulate(seed, { faults: without, mutant });
      if (violation !== undefined) shortest = without;
      else from += size;
    }
  }
  return { faults: shortest, outcome: await simulate(seed, { faults: shortest, mutant, keeps: true }) };
}
