import type { LocalSlot, Rule } from "./rule.ts";

/** A slot that comes. */
export interface Upcoming {
  readonly slot: number;
  /** On the clock that the rule goes by, if it goes by one. */
  readonly local: LocalSlot | undefined;
  /** Whether that clock was changed since the slot before: so it was for one that is moved. */
  readonly clockChange: boolean;
}

/** The next slots, `count` at most. */
export function upcoming(rule: Rule, after: number, count: number): Upcoming[] {
  const coming: Upcoming[] = [];
  const before = rule.latest(after);
  let offset = before === undefined ? undefined : rule.local?.(before).offset;
  for (let slot: number | undefined = after; coming.length < count;) {
    slot = rule.next(slot);
    if (slot === undefined) break;
    const local = rule.local?.(slot);
    const clockChange = local !== undefined && offset !== undefined && local.offset !== offset;
    coming.push({ slot, local, clockChange });
    offset = local?.offset;
  }
  return coming;
}

/** A slot for a program that reads JSON; times are ISO 8601. */
export interface UpcomingJson {
  readonly slot: string;
  /** On the clock that the timer goes by, with its offset; null for one that goes by none. */
  readonly local: string | null;
  /** The time that is meant, where the clock was put forward over it. */
  readonly meant: string | null;
  readonly clockChange: boolean;
  /** Whether the clock shows this time twice. */
  readonly twice: boolean;
}

export function slotJson({ slot, local, clockChange }: Upcoming): UpcomingJson {
  const moved = local !== undefined && local.meant !== local.wall;
  return {
    slot: new Date(slot).toISOString(),
    local: local ? isoLocalTime(local) : null,
    meant: moved ? new Date(local.meant).toISOString().slice(0, DATE + 9) : null,
    clockChange,
    twice: local?.twice ?? false,
  };
}

/** As `2026-03-29 02:30 → 03:00 +02:00 (clock change)`; in UTC where a rule goes by no clock. */
export function describeSlot({ slot, local, clockChange }: Upcoming): string {
  if (local === undefined) return isoTime(slot);
  const [shown, meant] = [written(local.wall), written(local.meant)];
  const [day, time] = [shown.slice(0, DATE), shown.slice(DATE + 1)];
  const moved = meant === shown ? shown : `${meant} → ${meant.startsWith(day) ? time : shown}`;
  const marks = [...(clockChange ? ["clock change"] : []), ...(local.twice ? ["a time that is there twice"] : [])];
  return `${moved} ${writtenOffset(local.offset)}${marks.length > 0 ? ` (${marks.join(", ")})` : ""}`;
}

/** A time in ISO 8601, to the second where it is a whole one. */
export function isoTime(at: number): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** A time of a clock on the wall with its offset, in ISO 8601: `2026-03-29T03:00:00+02:00`. */
function isoLocalTime({ wall, offset }: LocalSlot): string {
  return new Date(wall).toISOString().slice(0, DATE + 9) + writtenOffset(offset);
}

/** `2026-03-29` */
const DATE = 10;

/** `2026-03-29 02:30`, with seconds if there are any. */
function written(wall: number): string {
  const text = new Date(wall).toISOString().replace("T", " ");
  return text.slice(0, text.slice(DATE + 6, DATE + 9) === ":00" ? DATE + 6 : DATE + 9);
}

function writtenOffset(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / 60_000);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
