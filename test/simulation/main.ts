// Runs whole workers on a log in memory, in virtual time, with a seed's faults, and says which seeds fail.
//
//   npm run simulate -- --seeds 100000             seeds 1 to 100000
//   npm run simulate -- --seed 4711 [--verbose]    one seed, with its history
//   npm run simulate -- --leaseless                with leases that never end: the fence alone has to do
//   npm run simulate -- --mutants                  after how many seeds a mistake on purpose is found
import process from "node:process";
import { parseArgs } from "node:util";
import { faultsOf } from "./faults.ts";
import { MISTAKES } from "./mutants.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    leaseless: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const mutant = { leaseless: values.leaseless };

if (values.mutants) await findMutants();
else if (values.seed !== undefined) await one(Number(values.seed));
else await many(Number(values.from), Number(values.seeds));

async function many(from: number, count: number): Promise<void> {
  const began = performance.now();
  let failed = 0;
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = await simulate(seed, { mutant });
    if (violation !== undefined) {
      failed++;
      await tell(seed);
    }
    if ((seed - from + 1) % 1000 === 0) {
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      console.log(`# ${seed - from + 1} seeds in ${seconds} s, ${failed} failed`);
    }
  }
  console.log(`${count} seeds, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

async function one(seed: number): Promise<void> {
  const { violation, hash, lines, steps, slots, at } = await simulate(seed, { mutant, keeps: values.verbose });
  for (const line of lines) console.log(line);
  console.log(`seed ${seed}: ${steps} steps, ${slots} slots, ${(at / 1000).toFixed(1)} s, trace ${hash}`);
  if (violation !== undefined) await tell(seed);
}

async function tell(seed: number): Promise<void> {
  const { faults, outcome } = await shrink(seed, faultsOf(seed), mutant);
  console.log(`seed ${seed} fails: ${(await simulate(seed, { mutant })).violation}`);
  console.log(`the shortest history: ${outcome.violation} at ${(outcome.at / 1000).toFixed(3)} s, after`);
  for (const fault of faults) console.log(`  ${JSON.stringify(fault)}`);
  process.exitCode = 1;
}

async function findMutants(): Promise<void> {
  for (const { name, mutant, within } of MISTAKES) {
    let seed = 1;
    let violation: string | undefined;
    while (violation === undefined && seed <= within) ({ violation } = await simulate(seed++, { mutant }));
    console.log(
      `${name}: ${
        violation === undefined ? `NOT FOUND by ${within} seeds` : `found by seed ${seed - 1}: ${violation}`
      }`,
    );
    if (violation === undefined) process.exitCode = 1;
  }
}
