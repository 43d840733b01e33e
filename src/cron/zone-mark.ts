import type { Zone } from "./zone.ts";

/**
 * A short text for what a zone's clock shows in a year of UTC: another one where it differs by a second at any time of it.
 * 32 bits of FNV-1a, since it is compared with a few others, and nobody means harm by it.
 */
export function markOf(zone: Zone, year: number): string {
  const offsets = zone.offsets(Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
  let hash = 0x811c9dc5;
  for (const character of offsets.map(({ from, offset }) => `${from}:${offset}`).join()) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}
