/** What the runner starts at once: test files on one runtime, in a process of their own. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { executable, type Runtime } from "./runtimes.ts";

export type TestJob = {
  runtime: Runtime;
  /** Paths from the folder of the repository. */
  files: string[];
  /** Of which broker, in the report: nothing for the one that all share. */
  on?: string;
  /** Added to this process's environment. */
  env: Record<string, string>;
};

/** The test cases by outcome. */
export type Counts = { passed: number; failed: number; skipped: number };

export type Outcome = {
  counts: Counts;
  /** `undefined`: it was killed, or could not start. */
  code: number | undefined;
  seconds: number;
  /** All that it has written, unless that was shown as it came. */
  output: string;
};

/** How long one may take, before it counts as hung. */
const LIMIT_MS = 5 * 60_000;

/** The process groups that run now: a group each, so that one can be ended with all that it has started. */
const groups = new Set<number>();

/** Ends all that runs. */
export function endAll(): void {
  for (const group of groups) end(group);
}

/**
 * Runs it to its end.
 *
 * @param options.report a file for its JUnit report
 * @param options.live whether its output is shown as it comes
 */
export async function runJob(unit: TestJob, { report, live }: { report: string; live: boolean }): Promise<Outcome> {
  const { runtime, files, env } = unit;
  const began = performance.now();
  const args = [...commandOf(runtime, report), ...files.map((file) => `./${file}`)];
  const { code, output } = await runToEnd(executable(runtime), args, env, live);
  const counts = count(report);
  // It died without a report, or something failed outside of a test; and a run of nothing is no success either.
  if (counts.failed === 0 && (code !== 0 || counts.passed + counts.skipped === 0)) counts.failed++;
  return { counts, code, seconds: (performance.now() - began) / 1000, output };
}

function commandOf(runtime: Runtime, report: string): string[] {
  switch (runtime) {
    case "node":
      return [
        "--test",
        // A process for each file takes longer than most of their tests; Bun and Deno have one for all too.
        "--test-isolation=none",
        // Names the test that hangs; the limit of the whole unit would not.
        `--test-timeout=${LIMIT_MS - 10_000}`,
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=junit",
        `--test-reporter-destination=${report}`,
      ];
    case "bun":
      return ["test", "--timeout", "60000", "--reporter=junit", `--reporter-outfile=${report}`];
    case "deno":
      return ["test", "-A", "--no-check", `--junit-path=${report}`];
  }
}

function runToEnd(
  command: string,
  args: readonly string[],
  env: Record<string, string>,
  live: boolean,
): Promise<{ code: number | undefined; output: string }> {
  return new Promise((resolve) => {
    const output: string[] = [];
    const show = (text: string) => live ? process.stdout.write(text) : output.push(text);
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", show);
    const timer = setTimeout(() => {
      show(`# not done after ${LIMIT_MS / 60_000} minutes: killed\n`);
      if (pid !== undefined) end(pid);
    }, LIMIT_MS);
    child.once("error", (error) => show(`# ${error.message}\n`));
    child.once("close", (code) => {
      clearTimeout(timer);
      if (pid !== undefined) groups.delete(pid);
      resolve({ code: code ?? undefined, output: output.join("") });
    });
  });
}

function end(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

function count(report: string): Counts {
  const xml = existsSync(report) ? readFileSync(report, "utf8") : "";
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, , , body = ""] of xml.matchAll(/<testcase\b((?:[^>"]|"[^"]*")*?)(\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (/<(failure|error)\b/.test(body)) counts.failed++;
    else if (/<skipped\b/.test(body)) counts.skipped++;
    else counts.passed++;
  }
  return counts;
}
