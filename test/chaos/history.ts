import { readFileSync } from "node:fs";

/** What a worker wrote of itself. `at` and `until`: ms on a clock that all processes of the machine share. */
export type Entry =
  & { readonly at: number }
  & (
    | { readonly what: "lease"; readonly until: number }
    | { readonly what: "master"; readonly epoch: number }
    | { readonly what: "stepped down" }
    | { readonly what: "tick"; readonly slot: number; readonly epoch: number; readonly left: number }
    | { readonly what: "woken"; readonly slot: number; readonly left: number; readonly aborted: boolean }
    | { readonly what: "refused"; readonly slot: number; readonly code: string }
    | { readonly what: "aborted"; readonly slot: number }
    | { readonly what: "greeted"; readonly id: string; readonly slot: number }
    | { readonly what: "handled"; readonly id: string }
    | { readonly what: "blocked"; readonly until: number }
  );

/** Reads a history; a process that was killed may have left half a line. */
export function readDiary(file: string): Entry[] {
  return readFileSync(file, "utf8").split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Entry];
    } catch {
      return [];
    }
  });
}

/** A time in which a worker was master under a valid lease. */
export interface Term {
  readonly worker: string;
  readonly epoch: number;
  readonly from: number;
  /** When it stepped down, or when the lease ended that it had last: what comes first. */
  readonly until: number;
}

/** When a worker was master by its own history. */
export function termsOf(worker: string, entries: readonly Entry[]): Term[] {
  const terms: Term[] = [];
  let open: { epoch: number; from: number } | undefined;
  let until = -Infinity;
  const close = (at: number) => {
    if (open && at > open.from) terms.push({ worker, ...open, until: at });
    open = undefined;
  };
  for (const entry of entries) {
    // A lease that ran out while nothing was written (a frozen process) is over, whatever is written afterwards.
    if (open && entry.at > until) close(until);
    if (entry.what === "lease") until = entry.until;
    else if (entry.what === "master") open = { epoch: entry.epoch, from: entry.at };
    else if (entry.what === "stepped down") close(Math.min(entry.at, until));
  }
  // A process that was killed held its lease to the end of its life, which is no later than its lease.
  if (open) close(Math.min(entries.at(-1)?.at ?? until, until));
  return terms;
}
