import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import process from "node:process";
import { MephistoError } from "../../core/errors.ts";

/** Who holds a folder. */
interface Holder {
  readonly pid: number;
  /** When that process was started, in the system's own count; null where it cannot be told. */
  readonly started: string | null;
  readonly nonce: string;
}

/**
 * Takes a folder for this process, by a file in it; gives what lets go of it. A lock whose process is gone is taken
 * over. Throws `MephistoError` (INVALID_OPTION) if another process has it.
 */
export function lockFolder(folder: string, path: string): () => void {
  const mine: Holder = { pid: process.pid, started: startOf(process.pid), nonce: randomUUID() };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(mine), { flag: "wx", mode: 0o600 });
    } catch (error) {
      if (!hasCode(error, "EEXIST")) throw error;
      const holder = read(path);
      if (holder !== undefined && isAlive(holder)) {
        throw new MephistoError(
          "INVALID_OPTION",
          `the folder ${folder} is used by process ${holder.pid}: end that broker first, or give another folder`,
        );
      }
      rmSync(path, { force: true });
      continue;
    }
    // Of two that take over a stale lock at the same time, one finds the other's.
    if (read(path)?.nonce === mine.nonce) {
      return () => {
        if (read(path)?.nonce === mine.nonce) rmSync(path, { force: true });
      };
    }
  }
  throw new MephistoError("INVALID_OPTION", `the folder ${folder} is being taken by another process`);
}

function read(path: string): Holder | undefined {
  try {
    const holder: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof holder !== "object" || holder === null || !("pid" in holder) || !("nonce" in holder)) return undefined;
    const { pid, nonce } = holder;
    if (typeof pid !== "number" || typeof nonce !== "string") return undefined;
    return { pid, nonce, started: "started" in holder && typeof holder.started === "string" ? holder.started : null };
  } catch {
    return undefined; // it is gone, or was never written whole
  }
}

function isAlive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!hasCode(error, "EPERM")) return false;
  }
  const now = startOf(pid);
  if (now === ENDED) return false;
  // Another process may have the number by now.
  return started === null || now === null || started === now;
}

/** Of a process that has been killed, and that its parent has not yet asked about. */
const ENDED = "ended";

/** Fields 3 and 22 of Linux's /proc/PID/stat, counted after the program's name, which may hold anything. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? ENDED : fields[19] ?? null;
  } catch {
    return null;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}
