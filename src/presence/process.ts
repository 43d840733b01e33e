/**
 * Whether a process is gone: the only proof of death there is without having started it. A broken connection proves
 * nothing, and whoever evicts a master that lives makes two of them.
 *
 * @module
 */
import { readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { ProcessIdentity } from "../driver/driver.ts";
import { granted } from "../runtime/permission.ts";

/** How processes are looked at; handed in for tests. */
export interface ProcessTable {
  /** The text of a file; null when there is none, undefined when it cannot be read. */
  read(path: string): string | null | undefined;
  readLink(path: string): string | null | undefined;
}

/** What the kernel says of a process (proc(5), `/proc/<pid>/stat`). */
interface Stat {
  readonly state: string;
  readonly threads: number;
  readonly startTime: string;
}

/** This process, as others can look for it; undefined where it cannot be told: not on Linux, or without permission. */
export function ownProcess(table: ProcessTable = proc, pid: number = process.pid): ProcessIdentity | undefined {
  const bootId = table.read("/proc/sys/kernel/random/boot_id")?.trim();
  const pidNamespace = table.readLink("/proc/self/ns/pid");
  const stat = statOf(pid, table);
  if (!bootId || !pidNamespace || !stat) return undefined;
  return { bootId, pidNamespace, pid, startTime: stat.startTime };
}

/** A process of this machine that has been seen alive, so that not seeing it any more means something. */
export class Witness {
  readonly #seen: ProcessIdentity;
  readonly #table: ProcessTable;

  private constructor(seen: ProcessIdentity, table: ProcessTable) {
    this.#seen = seen;
    this.#table = table;
  }

  /**
   * Looks for a process while it lives. Undefined for one that cannot be seen from here: on another machine, in another
   * namespace of process ids, or hidden (as by the mount option hidepid, under which what lives looks gone).
   */
  static of(
    other: ProcessIdentity | undefined,
    own: ProcessIdentity | undefined = ownProcess(),
    table: ProcessTable = proc,
  ): Witness | undefined {
    if (other === undefined || own === undefined) return undefined;
    if (other.bootId !== own.bootId || other.pidNamespace !== own.pidNamespace) return undefined;
    return isAlive(statOf(other.pid, table), other) ? new Witness(other, table) : undefined;
  }

  /** Whether it is gone, beyond doubt. */
  isGone(): boolean {
    const stat = statOf(this.#seen.pid, this.#table);
    return stat !== undefined && !isAlive(stat, this.#seen);
  }
}

/** A pid is used again, by a process that began later. A zombie whose other threads still run is alive. */
function isAlive(stat: Stat | null | undefined, { startTime }: ProcessIdentity): boolean {
  if (!stat || stat.startTime !== startTime) return false;
  return !/^[ZX]$/i.test(stat.state) || stat.threads > 1;
}

/** Null when there is no such process, undefined when that cannot be told. */
function statOf(pid: number, table: ProcessTable): Stat | null | undefined {
  const text = table.read(`/proc/${pid}/stat`);
  if (typeof text !== "string") return text;
  // The program's name is in brackets, and may itself hold brackets and blanks.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, threads, startTime] = [fields[0], fields[17], fields[19]];
  return state && threads && startTime ? { state, threads: Number(threads), startTime } : undefined;
}

const proc: ProcessTable = {
  read: (path) => attempt(path, () => readFileSync(path, "latin1")),
  readLink: (path) => attempt(path, () => readlinkSync(path)),
};

function attempt(path: string, read: () => string): string | null | undefined {
  try {
    return granted({ name: "read", path }) ? read() : undefined;
  } catch (error) {
    const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
    return code === "ENOENT" || code === "ESRCH" ? null : undefined; // ESRCH: it ended while it was read
  }
}
