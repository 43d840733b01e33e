import { Buffer } from "node:buffer";
import { openSync, readSync } from "node:fs";
import { granted } from "./permission.ts";

/** Linux tells here for how long it has been up, suspension included (CLOCK_BOOTTIME), in seconds with two decimals. */
const UPTIME = "/proc/uptime";
/** Read again after so long by the monotonic clock: it takes microseconds, and a lease is asked very often. */
const FRESH_MS = 1;

/**
 * The time since the machine was started, in ms, with that in which it was suspended; undefined where it is not known.
 * `performance.now()` is CLOCK_MONOTONIC on Linux, on all runtimes: it stands still meanwhile, and none of them has a
 * function for the clock that does not.
 */
export const uptime: () => number | undefined = uptimeOf(UPTIME, () => performance.now());

/** Undefined where there is no such file, or where it may not be read. Opens it when it is first asked. */
export function uptimeOf(file: string, monotonic: () => number): () => number | undefined {
  const bytes = Buffer.alloc(64);
  let handle: number | undefined;
  let asked = -Infinity;
  let answer: number | undefined;
  return () => {
    const now = monotonic();
    if (now - asked < FRESH_MS) return answer;
    if (asked === -Infinity) handle = opened(file);
    asked = now;
    return answer = handle === undefined ? undefined : millisecondsIn(bytes, handle);
  };
}

function opened(file: string): number | undefined {
  try {
    return mayRead() ? openSync(file, "r") : undefined;
  } catch {
    return undefined;
  }
}

/** In a container the file may be another program's (lxcfs), which may end. */
function millisecondsIn(bytes: Buffer, handle: number): number | undefined {
  try {
    const [seconds] = bytes.toString("latin1", 0, readSync(handle, bytes, 0, bytes.length, 0)).split(" ");
    return Number(seconds) > 0 ? Number(seconds) * 1000 : undefined;
  } catch {
    return undefined;
  }
}

/** Deno lets only a program that may do everything read below `/proc`, and would ask the person at the terminal. */
function mayRead(): boolean {
  return (["env", "ffi", "net", "read", "run", "sys", "write"] as const).every((name) => granted({ name }));
}
