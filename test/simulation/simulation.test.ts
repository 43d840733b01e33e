import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { run } from "../support/process.ts";
import type { Runtime } from "../support/runtimes.ts";
import { faultsOf } from "./faults.ts";
import { GUARANTEES, MEMBERSHIP } from "./mistakes.ts";
import { MISTAKES } from "./mutants.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";

const runtime: Runtime = process.versions.bun ? "bun" : process.versions.deno ? "deno" : "node";
/** The others run the same code: less of it is enough there. */
const SEEDS = runtime === "node" ? 1000 : 50;

/** What a run of the simulator prints. In a process of its own: Node's test runner makes each promise dear. */
async function simulator(...args: string[]): Promise<{ output: string; code: number | null }> {
  const program = run(runtime, "test/simulation/main.ts", args);
  const { code } = await program.exit;
  return { output: program.output(), code };
}

describe("whole workers on a log in memory", { timeout: 300_000 }, () => {
  test(`hold what must hold under ${SEEDS} seeds`, async () => {
    const half = SEEDS / 2;
    const runs = [1, 1 + half].map((from) => simulator("--seeds", String(half), "--from", String(from)));
    for (const { output, code } of await Promise.all(runs)) {
      assert.equal(code, 0, output);
      assert.match(output, new RegExp(`^.*${half} seeds, 0 failed`, "m"));
    }
  });

  test("publish each slot once also where leases hold for ever", async () => {
    const { output, code } = await simulator("--seeds", String(SEEDS / 10), "--leaseless");
    assert.equal(code, 0, output);
  });

  // The same code on each runtime, and many seeds: once is enough.
  if (runtime === "node") {
    test("do not hold it where a mistake is made on purpose", async () => {
      const { output, code } = await simulator("--mutants", "--guarantees");
      assert.equal(code, 0, output);
      for (const { name } of [...MISTAKES, ...GUARANTEES]) assert.ok(output.includes(`${name}: found by `), name);
    });

    test("each mistake in the source is still one: what it changes stands there once", () => {
      for (const { name, file, from, to } of [...GUARANTEES, ...MEMBERSHIP]) {
        assert.equal(readFileSync(file, "utf8").split(from).length, 2, name);
        assert.notEqual(from, to, name);
      }
    });

    test("a failing seed is shrunk to what it takes", async () => {
      const mutant = MISTAKES.find(({ name }) => name.includes("commit without an answer"))?.mutant ?? {};
      let seed = 1;
      while ((await simulate(seed, { mutant })).violation === undefined) seed++;
      const { faults, outcome } = await shrink(seed, faultsOf(seed), mutant);
      assert.notEqual(outcome.violation, undefined);
      for (const fault of faults) {
        const without = faults.filter((each) => each !== fault);
        assert.equal((await simulate(seed, { faults: without, mutant })).violation, undefined);
      }
      assert.ok(outcome.lines.some((line) => line.includes("FAULT")));
    });
  }

  test("take the same steps under the same seed, in whatever process", async () => {
    for (const seed of [1, 2, 47]) {
      const { hash, steps, at } = await simulate(seed);
      const again = await simulate(seed, { keeps: true });
      assert.deepEqual([again.hash, again.steps, again.at], [hash, steps, at], `seed ${seed}`);
      const { output } = await simulator("--seed", String(seed));
      assert.match(output, new RegExp(`seed ${seed}: ${steps} steps, .* trace ${hash}`));
    }
    assert.notEqual((await simulate(1)).hash, (await simulate(2)).hash);
  });
});
