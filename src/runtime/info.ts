import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import process from "node:process";
import { granted } from "./permission.ts";

/** What runs this program. */
export interface Runtime {
  readonly name: "bun" | "deno" | "node";
  readonly version: string;
}

/** The runtime of this process. Bun and Deno also report the version of Node that they are compatible with. */
export function runtime(): Runtime {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return { name: "bun", version: bun };
  if (deno !== undefined) return { name: "deno", version: deno };
  return { name: "node", version: node ?? "" };
}

/** The release of the time zone data that this runtime brings along, as `2026c`; "" where it does not say (Bun). */
export function zoneRelease(): string {
  return process.versions.tz ?? "";
}

let id: string | undefined;

/** This process's name among the workers: `<host>-<pid>-<random>`, the same at every call. */
export function workerId(): string {
  id ??= `${host()}-${process.pid}-${randomBytes(2).toString("hex")}`;
  return id;
}

function host(): string {
  try {
    if (granted({ name: "sys", kind: "hostname" })) return hostname() || "worker";
  } catch {
    // no name to be had
  }
  return "worker";
}
