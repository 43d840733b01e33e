import { readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The three runtimes that Mephisto runs on. */
export type Runtime = "bun" | "deno" | "node";

export const runtimes: readonly Runtime[] = ["node", "bun", "deno"];

/** The folder of the repository. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

const modules = join(root, "node_modules");

/** Whether this Node runs TypeScript as it stands. */
export function stripsTypes(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 18);
}

/** The runtime's own binary. A shim of npm's between a test and its program would keep signals to itself. */
export function executable(runtime: Runtime): string {
  switch (runtime) {
    case "node": {
      const isNode = process.versions.bun === undefined && process.versions.deno === undefined;
      if (process.env.MEPHISTO_NODE !== undefined) return process.env.MEPHISTO_NODE;
      return isNode && stripsTypes(process.versions.node) ? process.execPath : join(modules, "node", "bin", "node");
    }
    case "bun":
      return join(modules, ".bin", "bun");
    case "deno": {
      const [platform] = readdirSync(join(modules, "@deno"));
      if (platform === undefined) throw new Error("Deno is not installed: run npm install");
      return join(modules, "@deno", platform, "deno");
    }
  }
}
