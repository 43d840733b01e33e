import { createRequire } from "node:module";
import { dirname, isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";

interface Globals {
  Bun?: { resolveSync(specifier: string, folder: string): string };
  Deno?: unknown;
}

/**
 * The file that a bare import (`zod`, `#config`, `@/lib/feeds.ts`) stands for in a file, as this runtime finds it: Bun by
 * the paths of tsconfig.json, Deno by its import map, Node by package.json. Nothing when it is no file.
 */
export function resolveBare(specifier: string, from: string): string | undefined {
  const { Bun, Deno } = globalThis as Globals;
  try {
    if (Bun !== undefined) return file(Bun.resolveSync(specifier, dirname(from)));
    if (Deno !== undefined) return file(fileURLToPath(import.meta.resolve(specifier)));
    return file(createRequire(from).resolve(specifier));
  } catch {
    return undefined;
  }
}

function file(path: string): string | undefined {
  return isAbsolute(path) ? path : undefined;
}
