import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { findRuntime } from "./find-runtime.ts";
import { type Runtime, runtime } from "../../runtime/info.ts";
import { suggestion } from "../../core/nearest.ts";
import { UsageError } from "../args/parse.ts";

/** What can run a script. */
export const RUNTIMES = ["bun", "deno", "node"] as const;

/** A program and its arguments. */
export interface Launch {
  readonly runtime: Runtime["name"];
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * Throws a `UsageError` for a file that would take no notice of its words and just end, since it never calls `main()` with
 * its own `import.meta`. Told from its text, as nobody knows what a file does that is run to find out.
 */
export function needMain(script: string): void {
  if (!isFile(script)) return; // said elsewhere
  const code = readFileSync(script, "utf8").replaceAll(/^\s*\/\/.*$/gm, "");
  if (/\bmain\b/.test(code) && /\bimport\s*\.\s*meta\b/.test(code)) return;
  throw new UsageError(
    `${script} has no command line: it should end with "await app.main(import.meta)", where app is what app() gave.`,
  );
}

/** Finds what runs a script: the runtime that was asked for, else this one if it can, else the first that is found. */
export function planLaunch(script: string, words: readonly string[], wanted: string | undefined, path: string): Launch {
  if (!isFile(script)) throw new UsageError(`There is no file ${JSON.stringify(script)}.`);
  const name = wanted === undefined ? undefined : RUNTIMES.find((known) => known === wanted);
  if (wanted !== undefined && name === undefined) {
    const hint = suggestion(wanted, RUNTIMES);
    throw new UsageError(`--runtime: ${JSON.stringify(wanted)} is none of ${RUNTIMES.join(", ")}.${hint}`);
  }
  for (const candidate of name === undefined ? inOrder() : [name]) {
    const program = findRuntime(candidate, { from: dirname(script), path });
    if (program !== undefined) return { runtime: candidate, program, args: argsFor(candidate, script, words) };
  }
  const missing = name === undefined ? "None of Bun, Deno and Node 22.18 or newer" : `No ${titleOf(name)}`;
  throw new UsageError(
    `${missing} was found in node_modules or on PATH: npm install --save-dev ${name ?? "bun"} brings one.`,
  );
}

function inOrder(): readonly Runtime["name"][] {
  const self = runtime().name;
  return [self, ...RUNTIMES.filter((name) => name !== self)];
}

/** A runtime's own arguments for running a file. */
export function argsFor(name: Runtime["name"], script: string, words: readonly string[]): string[] {
  switch (name) {
    case "bun":
      return ["run", script, ...words];
    case "deno":
      return ["run", "-A", script, ...words];
    case "node":
      return [script, ...words];
  }
}

function titleOf(name: Runtime["name"]): string {
  return { bun: "Bun", deno: "Deno", node: "Node 22.18 or newer" }[name];
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
