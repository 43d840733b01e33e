import { Cron, CronPattern } from "croner";
import type { Rule } from "../core/rule.ts";
import { type Zone, zoneOf } from "./zone.ts";
import { markOf } from "./zone-mark.ts";

/** A list or a range of times is meant as these times, also on the night that the clock is changed; a step is a rhythm. */
const OPTIONS = { mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" } as const;

/** The slots of a pattern, in one of two ways. */
interface Slots {
  next(after: number): number | undefined;
  latest(at: number): number | undefined;
  /** The wall that a slot stands for. */
  meant(slot: number): number;
}

/**
 * The slots of a cron pattern on the clock of a zone. Errors: a `RangeError` or a `TypeError` of croner's for a pattern
 * or a zone that is none. `zone`: its clock, unless the runtime's own data are meant.
 */
export function cronRule(pattern: string, timezone: string, zone: Zone = zoneOf(timezone)): Rule {
  const fields = new CronPattern(pattern, undefined, OPTIONS);
  const slots = fields.isFixedTime ? atTimes(pattern, zone) : inRhythm(pattern, timezone, zone);
  const units = unitsOf(fields);
  return {
    text: `cron ${pattern.trim().replace(/\s+/g, " ")} ${timezone}`,
    next: slots.next,
    latest: slots.latest,
    count(after, until) {
      let count = 0;
      for (let slot = slots.next(after); slot !== undefined && slot <= until; slot = slots.next(slot)) {
        count++;
        const wall = zone.wall(slot);
        if (slots.meant(slot) !== wall) continue;
        // The first slot of a day, an hour or a minute says how many are in it, unless the clock is changed meanwhile.
        const first = slot;
        const whole = units.find(({ length, first: begins, span }) =>
          wall % length === begins && first + span <= until && zone.wall(first + span) === wall + span
        );
        if (whole === undefined) continue;
        count += whole.slots - 1;
        slot += whole.span;
      }
      return count;
    },
    ...(fields.isFixedTime && labels(timezone, zone, slots)),
    ...(timezone !== "UTC" && { zone: { name: timezone, mark: (year: number) => markOf(zone, year) } }),
    local(slot) {
      const wall = zone.wall(slot);
      return { wall, offset: wall - slot, meant: slots.meant(slot), twice: zone.twice(slot) };
    },
  };
}

/**
 * Fixed times, such as `30 2 * * *`: each once, at the first instant at which the clock has come to it. croner would drop
 * those that are put forward past midnight, as each spring in Nuuk: here it is asked for the calendar alone, in UTC.
 */
function atTimes(pattern: string, zone: Zone): Slots {
  const calendar = new Cron(pattern, { ...OPTIONS, timezone: "UTC" });
  const reached = (wall: number | undefined) => wall === undefined ? undefined : zone.reaches(wall);
  return {
    next: (after) => reached(nextOf(calendar, zone.furthest(after))),
    latest: (at) => reached(latestOf(calendar, zone.furthest(at))),
    meant: (slot) => latestOf(calendar, zone.furthest(slot)) ?? NaN,
  };
}

/** With a wildcard or a step in seconds, minutes or hours: whenever the clock shows it. Here croner is right as it is. */
function inRhythm(pattern: string, timezone: string, zone: Zone): Slots {
  const cron = new Cron(pattern, { ...OPTIONS, timezone });
  return { next: (after) => nextOf(cron, after), latest: (at) => latestOf(cron, at), meant: zone.wall };
}

/** What the fixed times of a zone's clock are called. */
function labels(timezone: string, zone: Zone, slots: Slots): Pick<Rule, "label" | "labelled"> {
  return {
    label: (slot) => `${new Date(slots.meant(slot)).toISOString().replace(/(:00)?\.000Z$/, "")} ${timezone}`,
    labelled(label) {
      const [, time, of] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?) (.+)$/.exec(label) ?? [];
      return time === undefined || of !== timezone ? undefined : zone.reaches(Date.parse(`${time}Z`));
    },
  };
}

function nextOf(cron: Cron, after: number): number | undefined {
  return cron.nextRun(new Date(after))?.getTime();
}

/** croner's own is strictly earlier. */
function latestOf(cron: Cron, at: number): number | undefined {
  return cron.previousRuns(1, new Date(at + 1))[0]?.getTime();
}

/** A stretch of the clock that has slots: where in it the first is, how far the last is from that, and how many; in ms. */
interface Unit {
  readonly length: number;
  readonly first: number;
  readonly span: number;
  readonly slots: number;
}

/** A day, an hour and a minute of a pattern. */
function unitsOf({ second, minute, hour }: CronPattern): Unit[] {
  let within: Unit = { length: 1000, first: 0, span: 0, slots: 1 };
  const units: Unit[] = [];
  for (const field of [second, minute, hour]) {
    const [first, last] = [field.indexOf(1), field.lastIndexOf(1)];
    within = {
      length: within.length * field.length,
      first: first * within.length + within.first,
      span: (last - first) * within.length + within.span,
      slots: within.slots * field.filter((set) => set === 1).length,
    };
    units.unshift(within);
  }
  return units;
}
