import type { JournalEntry } from "../../../driver/master-log.ts";

/** So many bytes of entries go into one transaction: below what the smallest topics take, and few for many timers. */
const PART_BYTES = 200_000;

/** Entries in parts of one transaction each. */
export function inParts(entries: readonly JournalEntry[]): JournalEntry[][] {
  const parts: JournalEntry[][] = [];
  let bytes = Infinity;
  for (const entry of entries) {
    const size = entry.key.length + (entry.value?.length ?? 0);
    if (bytes + size > PART_BYTES) parts.push([]), bytes = 0;
    parts.at(-1)?.push(entry);
    bytes += size;
  }
  return parts;
}
