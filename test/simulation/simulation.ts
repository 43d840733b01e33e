import { endOf, type Fault, faultsOf } from "./faults.ts";
import { settled } from "./pump.ts";
import { INTERVAL_MS } from "./sim-worker.ts";
import { Trace } from "./trace.ts";
import { type Mutant, World } from "./world.ts";

/** How a run ended. */
export interface Outcome {
  /** What did not hold; undefined when all did. */
  readonly violation: string | undefined;
  /** Virtual time, in ms. */
  readonly at: number;
  /** The same for the same steps. */
  readonly hash: string;
  readonly steps: number;
  readonly slots: number;
  readonly lines: readonly string[];
}

/** All has to be well so long after nothing goes wrong any more. */
const HEALTHY_TIMEOUT_MS = 60_000;
/** Events without an end at one moment: something goes round in circles. */
const MOST_STEPS = 200_000;

/** Runs a seed, with its own faults or with those given. */
export async function simulate(
  seed: number,
  { faults = faultsOf(seed), mutant = {}, keeps = false }: {
    faults?: readonly Fault[];
    mutant?: Mutant;
    keeps?: boolean;
  } = {},
): Promise<Outcome> {
  const trace = new Trace(keeps);
  const world = new World(seed, mutant, trace);
  const { time, invariants } = world;
  const stack = Error.stackTraceLimit;
  Error.stackTraceLimit = keeps ? stack : 0; // thousands of errors are made, and nobody reads where
  try {
    const count = 3 + seed % 3;
    for (let n = 0; n < count; n++) time.at(world.random.between(0, 300), () => world.add());
    for (const fault of faults) time.at(fault.at, () => world.befall(fault));
    let healed = Infinity;
    time.at(endOf(faults), () => {
      world.heal();
      healed = time.now;
    });
    let steps = 0;
    while (invariants.violation === undefined) {
      const life = world.step();
      if (life === false) invariants.fail("nothing goes on any more");
      if (!life) continue;
      await settled();
      world.check(life);
      if (++steps > MOST_STEPS) invariants.fail("it goes round in circles");
      if (time.now < healed) continue;
      if (time.now > healed + HEALTHY_TIMEOUT_MS) invariants.fail(`not well again: ${illness(world)}`);
      if (steps % 8 === 0 && illness(world, healed) === undefined) {
        invariants.atTheEnd();
        break;
      }
    }
  } finally {
    Error.stackTraceLimit = stack;
  }
  const { violation, slots } = invariants;
  return { violation, at: time.now, hash: trace.hash, steps: trace.steps, slots: slots.size, lines: trace.lines };
}

/** What is not well yet; undefined when everything is. */
function illness(world: World, healed = 0): string | undefined {
  const { alive, invariants, log } = world;
  for (const { worker } of alive) {
    if (worker.failed) return `${worker.host.name} has failed: ${worker.failed}`;
    if (!worker.worker.ready()) return `${worker.host.name} is not ready`;
  }
  const masters = alive.filter(({ worker }) => worker.master);
  if (masters.length !== 1) return `${masters.length} masters`;
  const late = log.wall() - invariants.lastSlot;
  if (late > 2 * INTERVAL_MS + 200) return `the last slot was ${late} ms ago`;
  if (world.time.now < healed + 1000 || invariants.slots.size < 2) return "it has only just begun";
  world.ends ??= invariants.ends;
  return invariants.hasDrained(world.ends) ? undefined : "the actors have not handled all";
}
