/** The package as a person gets it: packed, fetched from a registry, in a folder of its own. These tests run on Node. */
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after } from "node:test";
import { promisify } from "node:util";
import { root } from "../support/runtimes.ts";
import { startRegistry } from "./registry.ts";

const execute = promisify(execFile);

/** Where the package is installed, and how to fetch it into other folders. */
export interface Installed {
  /** Has `node_modules` with the package, and `master.ts`, the example as it stands. */
  readonly folder: string;
  /** A new folder without anything that the runtimes could take for a project. */
  empty(name: string): string;
  /** Environment in which all three fetch packages from the local registry, into caches of their own. */
  readonly env: Record<string, string>;
}

let installed: Promise<Installed> | undefined;
const leftovers: (() => void)[] = [];
after(() => leftovers.forEach((remove) => remove()));

/** Packs the package and installs it into an empty folder; once a process. All is removed when the tests have ended. */
export function packed(): Promise<Installed> {
  return installed ??= install();
}

/** How a program has ended, and what it has written. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function execTo(
  program: string,
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Outcome> {
  try {
    const environment = {
      ...process.env,
      NODE_ENV: undefined,
      NODE_TEST_CONTEXT: undefined,
      FORCE_COLOR: undefined,
      ...env,
    };
    return { code: 0, ...await execute(program, [...args], { cwd, env: environment, timeout: 120_000 }) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== "number") throw error;
    return { code, stdout: stdout ?? "", stderr: stderr ?? "" };
  }
}

/** A program of the development dependencies. */
export function tool(name: string): string {
  return join(root, "node_modules", ".bin", name);
}

/** `PATH` with Bun, Deno and Node 24. */
export const path = `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`;

async function install(): Promise<Installed> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "mephisto-package-")));
  leftovers.push(() => rmSync(home, { recursive: true, force: true }));
  if (!existsSync(join(root, "dist", "cli.mjs"))) await execute("npm", ["run", "build"], { cwd: root });
  const empty = (name: string) => {
    const folder = join(home, name);
    mkdirSync(folder);
    return folder;
  };
  const registry = await startRegistry(empty("packed"));
  leftovers.push(() => registry.close());
  const env = {
    PATH: path,
    NPM_CONFIG_REGISTRY: registry.url,
    NPM_CONFIG_CACHE: join(home, "npm"),
    BUN_CONFIG_REGISTRY: registry.url,
    BUN_INSTALL_CACHE_DIR: join(home, "bun"),
    DENO_DIR: join(home, "deno"),
  };
  const folder = empty("installed");
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  copyFileSync(join(root, "examples", "master.ts"), join(folder, "master.ts"));
  const { code, stderr } = await execTo("npm", ["install", "--no-audit", "--no-fund", "mephisto"], {
    cwd: folder,
    env,
  });
  if (code !== 0) throw new Error(`npm install failed:\n${stderr}`);
  return { folder, empty, env };
}
