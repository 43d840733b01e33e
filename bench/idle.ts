import { readFileSync } from "node:fs";
import { run } from "../test/support/process.ts";
import type { Runtime } from "../test/support/runtimes.ts";

/** How long an idle worker is watched, after as long a time to settle. */
const WATCHED_MS = 15_000;
/** Linux counts a process's time in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/** A worker of the example that has nothing to do but its heartbeats: percent of one core, and MB of memory. */
export async function idle(runtime: Runtime, url: string): Promise<{ cpu: number; memory: number }> {
  const worker = run(runtime, "bench/programs/idle-mephisto.ts", ["worker", "--web-port", "0"], {
    env: { MEPHISTO_URL: url },
  });
  await worker.waitFor(/Assigned/, 30_000);
  const used = await usage(worker.pid);
  worker.kill();
  await worker.exit;
  return used;
}

/** What a process uses that has come to rest: percent of one core, and MB of memory. */
export async function usage(pid: number): Promise<{ cpu: number; memory: number }> {
  await wait(WATCHED_MS);
  const before = ticks(pid);
  await wait(WATCHED_MS);
  const cpu = ((ticks(pid) - before) / TICKS_PER_SECOND / (WATCHED_MS / 1000)) * 100;
  const memory = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1000;
  return { cpu, memory };
}

function ticks(pid: number): number {
  // The name, in brackets, may hold blanks; user and system time are the 12th and 13th fields after it.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
