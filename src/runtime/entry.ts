import { realpathSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";

/**
 * Whether the module of this `import.meta` is the one the process was started with. In a bundle every module says so: a
 * script that others import and bundle has to guard its `main()` by itself.
 */
export function isEntry(meta: ImportMeta): boolean {
  const { main } = meta as { main?: unknown };
  if (typeof main === "boolean") return main;
  // Node before 24.2 has no import.meta.main.
  const script = process.argv[1];
  if (script === undefined) return false;
  try {
    return meta.url === pathToFileURL(realpathSync(script)).href;
  } catch {
    return false; // what started the process is no file: -e, a REPL
  }
}
