import { spawnSync } from "node:child_process";
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import process from "node:process";
import { compareVersions } from "../../core/versions.ts";
import { type Runtime, runtime } from "../../runtime/info.ts";

/** Where a runtime is to be looked for. */
export interface FindOptions {
  /** A folder: its own `node_modules/.bin`, and those of the folders above it, come first. */
  readonly from: string;
  /** `PATH`. */
  readonly path: string;
  /** The oldest version that will do, such as `1.2`. */
  readonly since?: string;
}

/** The program of a runtime, or nothing: of Node only one that runs TypeScript. */
export function findRuntime(name: Runtime["name"], { from, path, since }: FindOptions): string | undefined {
  const self = runtime();
  if (self.name === name && (name !== "node" || stripsTypes(self.version))) return process.execPath;
  const folders = [...binFolders(from), ...path.split(delimiter).filter((folder) => folder !== "")];
  for (const folder of folders) {
    const program = join(folder, process.platform === "win32" ? `${name}.exe` : name);
    if (!isProgram(program)) continue;
    if (name === "node" && !stripsTypes(versionOf(program))) continue;
    if (since !== undefined && compareVersions(versionOf(program), since) < 0) continue;
    return native(program);
  }
  return undefined;
}

/** Whether a version of Node runs TypeScript as it is: 22.18, 23.6 and newer. */
export function stripsTypes(version: string): boolean {
  const isSince = (since: string) => compareVersions(version, since) >= 0;
  return isSince("23.6") || (isSince("22.18") && !isSince("23"));
}

function binFolders(from: string): string[] {
  const folders: string[] = [];
  for (let folder = resolve(from);; folder = dirname(folder)) {
    folders.push(join(folder, "node_modules", ".bin"));
    if (folder === dirname(folder)) return folders;
  }
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function versionOf(program: string): string {
  return spawnSync(program, ["--version"], { encoding: "utf8", timeout: 5000 }).stdout?.trim() ?? "";
}

/** Deno's package starts Deno from a script in Node that passes no signals on, until its own install step has run. */
function native(program: string): string {
  const real = realpathSync(program);
  const beside = join(dirname(real), "deno");
  return real.endsWith("bin.cjs") && isProgram(beside) ? beside : program;
}
