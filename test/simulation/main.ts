// Runs whole workers on a log in memory, in virtual time, with a seed's faults, and says which seeds fail.
//
//   npm run simulate -- --seeds 100000             seeds 1 to 100000, on every core (--jobs N: so many at once)
//   npm run simulate -- --seed 4711 [--verbose]    one seed, with its history
//   npm run simulate -- --leaseless                with leases that never end: the fence alone has to do
//   npm run simulate -- --mutants                  after how many seeds a mistake on purpose is found
//                                                (--guarantees: without those in the middle of the membership; --only WORDS)
import { spawn } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import process from "node:process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { faultsOf } from "./faults.ts";
import { GUARANTEES, MEMBERSHIP, type SourceMistake } from "./mistakes.ts";
import { type Mistake, MISTAKES } from "./mutants.ts";
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
    mutant: { type: "string" },
    only: { type: "string", default: "" },
    guarantees: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const mutant = { leaseless: values.leaseless };
/** So many seeds a process. */
const PART = 1000;

if (values.mutants) await findMutants(Number(values.jobs));
else if (values.mutant !== undefined) {
  const mistake = MISTAKES[Number(values.mutant)];
  if (mistake !== undefined) await first(mistake.within, mistake);
} else if (values.first) await first(Number(values.seeds), { mutant });
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

/** Each mistake in a process of its own: one that is in the source has to be there when it is loaded. */
async function findMutants(jobs: number): Promise<void> {
  const source = values.guarantees ? GUARANTEES : [...GUARANTEES, ...MEMBERSHIP];
  const waiting = [...MISTAKES.keys(), ...source].filter((each) => nameOf(each).includes(values.only));
  const run = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const found = typeof next === "number" ? await bySeeds(["--mutant", String(next)]) : await bySource(next);
      console.log(`${nameOf(next)}: ${found ?? "NOT FOUND"}`);
      if (found === undefined) process.exitCode = 1;
    }
  };
  await Promise.all(Array.from({ length: jobs }, run));
}

function nameOf(mistake: number | SourceMistake): string {
  return typeof mistake === "number" ? MISTAKES[mistake]?.name ?? "" : mistake.name;
}

async function bySource({ foundBy, file, from, to }: SourceMistake): Promise<string | undefined> {
  const env = { ...process.env, MEPHISTO_MUTANT: JSON.stringify({ file, from, to }) };
  const mutate = ["--import", fileURLToPath(new URL("mutate.ts", import.meta.url))];
  if ("within" in foundBy) return await bySeeds(["--first", "--seeds", String(foundBy.within)], mutate, env);
  const { code, output } = await child([...mutate, foundBy.test], env);
  if (!output.includes("tests ")) throw new Error(`${foundBy.test} came to no end: ${output}`);
  return code === 0 ? undefined : `found by ${foundBy.test}`;
}

async function bySeeds(args: string[], mutate: string[] = [], env = process.env): Promise<string | undefined> {
  const { output } = await child([...mutate, fileURLToPath(import.meta.url), ...args], env);
  const last = /^(found by seed \d+: .*|not found)$/m.exec(output)?.[1];
  if (last === undefined) throw new Error(`${args.join(" ")} came to no end: ${output}`);
  return last === "not found" ? undefined : last;
}

async function child(args: string[], env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const { NODE_TEST_CONTEXT: _, ...rest } = env;
  const started = spawn(process.execPath, args, { env: rest, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(started, "close");
  const [stdout, stderr] = await Promise.all([text(started.stdout), text(started.stderr)]);
  const [code] = await closed;
  return { code, output: stdout + stderr };
}

/** The first seed that fails. */
async function first(count: number, { mutant, faults }: Pick<Mistake, "mutant" | "faults">): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    const { violation } = await simulate(seed, { mutant, ...(faults && { faults: faults(seed) }) });
    if (violation !== undefined) return console.log(`found by seed ${seed}: ${violation}`);
  }
  console.log("not found");
}
