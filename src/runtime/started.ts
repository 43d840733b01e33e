import { relative } from "node:path";
import process from "node:process";
import { runtime } from "./info.ts";

interface Globals {
  Deno?: { build: { standalone?: boolean } };
}

/** What this process was started with. */
export interface Self {
  /** The script; nothing in a compiled program, which is its own script. */
  readonly script: string | undefined;
  /** What to type to start it again, without its words: `bun run master.ts`, `npx bun run master.ts`. */
  readonly shown: string;
  /** The runtime's own flags that are worth passing on. */
  readonly flags: readonly string[];
}

/** Flags that are for one process only: a second inspector finds its port taken. */
const OWN = /^--(watch|hot|inspect|debug-port|test|eval|print)/;

/** How this process was started. */
export function startedAs(): Self {
  const script = process.argv[1];
  const folder = relative("", process.execPath);
  if (script === undefined || isCompiled(script)) {
    const shown = folder.startsWith("..") ? process.execPath : `./${folder}`;
    return { script: undefined, shown, flags: [] };
  }
  const path = relative("", script);
  const shown = path.startsWith("..") ? script : path;
  const command = { bun: "bun run", deno: "deno run -A", node: "node" }[runtime().name];
  // A runtime that was installed as a package is on nobody's PATH.
  const npx = /[\\/]node_modules[\\/]/.test(process.execPath) ? "npx " : "";
  return { script, shown: `${npx}${command} ${shown}`, flags: process.execArgv.filter((flag) => !OWN.test(flag)) };
}

/** Bun says so by where the script is, Deno by a word. */
function isCompiled(script: string): boolean {
  const { Deno } = globalThis as Globals;
  return Deno?.build.standalone === true || /[/\\](\$bunfs|~BUN)[/\\]/.test(script);
}
