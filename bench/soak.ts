/** The memory of the dev broker over many messages, with consumers, commits and transactions going on. */
import { readFileSync } from "node:fs";
import { createTopic } from "../test/support/kafkajs-oracle.ts";
import { type Program, run } from "../test/support/process.ts";
import type { Runtime } from "../test/support/runtimes.ts";
import { startDevBroker } from "./dev-broker.ts";
import { program } from "./peers.ts";
import { table } from "./stats.ts";

const STEPS = 10;
const MESSAGES_A_STEP = 1_000_000;
/** Less than the broker's own bound, so that it is full after the first step. */
const BOUND = "64MiB";
/** In ms. */
const SETTLE_MS = 1500;

const collecting: Partial<Record<Runtime, readonly string[]>> = {
  bun: ["--preload", "./bench/programs/collect.ts"],
  node: ["--expose-gc", "--import", "./bench/programs/collect.ts"],
};

/** Prints rows for each runtime: MB after a forced collection, before and after each step. */
export async function soak(runtimes: readonly Runtime[]): Promise<void> {
  const lines: string[][] = [];
  for (const runtime of runtimes) {
    const flags = collecting[runtime];
    if (flags === undefined) continue;
    const dev = await startDevBroker(runtime, ["--memory", BOUND], flags);
    const given = { url: dev.url, brokers: dev.brokers, topic: "soak", size: 100 };
    await createTopic([...dev.brokers], "soak", { partitions: 8 });
    // One that is there all the time and reads everything, in a group of its own.
    const endless = { ...given, messages: Number.MAX_SAFE_INTEGER, group: "soak-reader" };
    const reader = run("node", "bench/programs/consume-mephisto.ts", [], { env: { BENCH: JSON.stringify(endless) } });
    const all = [await settled(dev.program)];
    for (let step = 0; step < STEPS; step++) {
      await program("node", "soak", { ...given, messages: MESSAGES_A_STEP });
      const memory = await settled(dev.program);
      all.push(memory);
      console.error(`${runtime}, ${step + 1} M: ${memory.resident} MB of memory, ${memory.used} MB used`);
    }
    reader.kill("SIGKILL");
    await reader.exit;
    await dev.stop();
    lines.push([`${runtime}, memory of the process`, ...all.map(({ resident }) => resident)]);
    lines.push([`${runtime}, used of it`, ...all.map(({ used }) => used)]);
  }
  const head = Array.from({ length: STEPS + 1 }, (_, step) => `${step * MESSAGES_A_STEP / 1e6} M`);
  console.log(`\n${table([`a dev broker (--memory ${BOUND}), MB after`, ...head], lines)}`);
}

/** MB of a broker's process once it has given back what it does not use. */
async function settled(broker: Program): Promise<{ resident: string; used: string }> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const from = performance.now();
  broker.kill("SIGUSR2");
  const { text } = await broker.waitFor(({ text, at }) => at > from && text.startsWith("USED "));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS)); // the system is given it a little later
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${broker.pid}/status`, "utf8"))?.[1]);
  return { resident: String(Math.round(kilobytes / 1000)), used: text.slice("USED ".length) };
}
