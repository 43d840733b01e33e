// Runs whole workers on a log in memory, in virtual time, with a seed's faults, and says which seeds fail.
//
//   npm run simulate -- --seeds 100000             seeds 1 to 100000, on every core (--jobs N: so many at once)
//   npm run simulate -- --seed 4711 [--verbose]    one seed, with its history
//   npm run simulate -- --leaseless                with leases that never end: the fence alone has to do
//   npm run simulate -- --mutants                  after how many seeds a mistake on purpose is found
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import process from "node:process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { faultsOf } from "./faults.ts";
import { MISTAKES } from "./mutants.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    seed: { type: "string" },
    leaseless: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const mutant = { leaseless: values.leaseless };
/** So many seeds a process. */
const PART = 1000;

if (values.mutants) await findMutants();
else if (values.seed !== undefined) await one(Number(values.seed));
else {
  const [from, count] = [Number(values.from), Number(values.seeds)];
  const failed = count <= PART ? await few(from, count) : await many(from, count, Number(values.jobs));
  console.log(`${count} seeds, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

/**
 * In processes of their own: runtimes keep a signal that somebody listens to, and all that hangs on it, for as long as
 * they live, and a worker that was killed never stops listening.
 */
async function many(from: number, count: number, jobs: number): Promise<number> {
  const began = performance.now();
  const parts = Array.from({ length: Math.ceil(count / PART) }, (_, index) => from + index * PART);
  let done = 0, failed = 0;
  const run = async () => {
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      const seeds = Math.min(PART, from + count - part);
      const flags = ["--from", String(part), "--seeds", String(seeds), ...(values.leaseless ? ["--leaseless"] : [])];
      const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...flags], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const [output] = await Promise.all([text(child.stdout), once(child, "close")]);
      const sum = /^(.*?)\d+ seeds, (\d+) failed\n$/s.exec(output);
      if (sum === null) throw new Error(`Seeds ${part} to ${part + seeds - 1} came to no end: ${output}`);
      process.stdout.write(sum[1] ?? "");
      failed += Number(sum[2]);
      done += seeds;
      console.log(`# ${done} seeds in ${((performance.now() - began) / 1000).toFixed(0)} s, ${failed} failed`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, run));
  return failed;
}

async function few(from: number, count: number): Promise<number> {
  let failed = 0;
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = await simulate(seed, { mutant });
    if (violation !== undefined) {
      failed++;
      await tell(seed);
    }
  }
  return failed;
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
  for (const { name, mutant, within, faults } of MISTAKES) {
    let seed = 1;
    let violation: string | undefined;
    for (; violation === undefined && seed <= within; seed++) {
      ({ violation } = await simulate(seed, { mutant, ...(faults && { faults: faults(seed) }) }));
    }
    console.log(
      `${name}: ${
        violation === undefined ? `NOT FOUND by ${within} seeds` : `found by seed ${seed - 1}: ${violation}`
      }`,
    );
    if (violation === undefined) process.exitCode = 1;
  }
}
