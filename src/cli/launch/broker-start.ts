import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { variable } from "../../runtime/env.ts";
import { findRuntime, stripsTypes } from "./find-runtime.ts";
import { type Runtime, runtime } from "../../runtime/info.ts";
import { startedAs } from "../../runtime/started.ts";
import { again } from "./respawn.ts";
import type { BrokerStart, Start } from "../host.ts";
import { argsFor } from "./launch.ts";
import { VERSION } from "../version.ts";

/** Where the choice looks. */
export interface Around {
  readonly self: Runtime;
  /** The file of `mephisto`, if it can be run as it stands. */
  readonly command: string | undefined;
  readonly bun: () => string | undefined;
  readonly again: (words: readonly string[]) => Start;
}

/** Bun of an older version is not what was measured, or tested. */
const BUN_SINCE = "1.2";

/**
 * Bun is preferred: there the broker takes the least memory. It runs `mephisto broker`, which loads nothing
 * of the script: that may be made for another runtime, or do things of its own when it is loaded. Where that command is
 * no plain file (in a compiled or bundled program, a registry's cache), the script is started again on its own runtime.
 */
export function brokerStart(words: readonly string[], around: Around = here()): BrokerStart {
  const { self, command } = around;
  if (command !== undefined) {
    const alone = (on: Runtime["name"], program: string): BrokerStart => {
      const args = argsFor(on, command, ["broker", ...words]);
      return { program, args, runtime: on, isAlone: true };
    };
    const bun = self.name === "bun" ? process.execPath : around.bun();
    if (bun !== undefined) return alone("bun", bun);
    // Deno would have to be told where a file in node_modules has its dependencies from.
    if (self.name === "node" && stripsTypes(self.version)) return alone("node", process.execPath);
  }
  return { ...around.again(["broker", ...words]), runtime: self.name, isAlone: false };
}

function here(): Around {
  const { script } = startedAs();
  return {
    self: runtime(),
    command: script === undefined ? undefined : commandFile(import.meta.url),
    bun: () => findRuntime("bun", { from: dirname(script ?? ""), path: variable("PATH") ?? "", since: BUN_SINCE }),
    again: (words) => again(words),
  };
}

/** The file of `mephisto` in the package that a module of ours is in, if its dependencies lie where any runtime looks. */
export function commandFile(module: string): string | undefined {
  try {
    const own = realpathSync(fileURLToPath(module));
    const home = above(own).find((folder) => existsSync(join(folder, "package.json")));
    if (home === undefined) return undefined;
    const { name, version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    if (name !== "mephisto" || version !== VERSION) return undefined; // somebody's bundle
    const command = own.endsWith(".ts") ? join(dirname(own), "..", "bin.ts") : join(home, "dist", "cli.mjs");
    const hasDependencies = above(command).some((folder) => existsSync(join(folder, "node_modules", "citty")));
    return hasDependencies && existsSync(command) ? command : undefined;
  } catch {
    return undefined; // no file, or none that may be read
  }
}

/** The folders that a file is in, the nearest first. */
function above(file: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(resolve(file));; folder = dirname(folder)) {
    folders.push(folder);
    if (folder === dirname(folder)) return folders;
  }
}
