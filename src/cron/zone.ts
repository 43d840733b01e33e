/**
 * The clock on the wall of a time zone. What it shows is written in ms as if it were UTC's: a wall. Where the clock is put
 * forward some walls are never shown, where it is put back some are shown twice; so both functions here are made
 * of "has the clock shown this yet?", which goes from no to yes once.
 */
export interface Zone {
  /** What the clock shows. */
  wall(instant: number): number;
  /** The latest that it has shown up to then: more than it shows now, in the hour that it shows again. */
  furthest(instant: number): number;
  /** The first instant at which it shows this wall, or a later one. */
  reaches(wall: number): number;
  /** Whether it shows what it shows then at another instant too. */
  twice(instant: number): boolean;
  /** What it shows before UTC's clock from an instant on, and wherever that changes until another, to a quarter of an hour. */
  offsets(from: number, until: number): readonly ZoneOffset[];
}

/** From an instant on. */
export interface ZoneOffset {
  readonly from: number;
  readonly offset: number;
}

const DAY = 86_400_000;
/** No clock is changed twice within so long: Morocco's, which is put back for Ramadan, stays so for a month. */
const SHORTEST_OFFSET_MS = 28 * DAY;
/** Clocks are changed at multiples of this nowadays. */
const QUARTER_HOUR_MS = 900_000;

/** The clock of a zone by its IANA name. Errors: a `RangeError` when the runtime knows no such zone. */
export function zoneOf(name: string): Zone {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: name,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });

  const wall = (instant: number) => {
    const fields: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
    for (const { type, value } of format.formatToParts(instant)) fields[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = fields;
    return Date.UTC(year, month - 1, day, hour, minute, second) + instant - Math.floor(instant / 1000) * 1000;
  };
  return zoneShowing(wall);
}

/** The zone whose clock shows this. */
export function zoneShowing(wall: (instant: number) => number): Zone {
  const offset = (instant: number) => wall(instant) - instant;

  /** The first instant of a new offset, between two that have different ones: a clock is changed at whole seconds. */
  const change = (from: number, to: number, unit = 1000) => {
    const old = offset(from);
    let [before, after] = [Math.floor(from / unit), Math.ceil(to / unit)];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offset(middle * unit) === old) before = middle;
      else after = middle;
    }
    return after * unit;
  };

  return {
    wall,
    furthest(instant) {
      const ago = instant - DAY;
      const put = offset(ago) - offset(instant);
      if (put <= 0) return wall(instant);
      return Math.max(wall(instant), change(ago, instant) + offset(ago) - 1);
    },
    reaches(to) {
      // No zone is a day away from UTC, and none is changed twice within two days.
      const [before, after] = [to - DAY, to + DAY];
      const [old, now] = [offset(before), offset(after)];
      if (old === now) return to - old;
      const changed = change(before, after);
      return to - old < changed ? to - old : Math.max(changed, to - now);
    },
    offsets(from, until) {
      let last = offset(from);
      const found = [{ from, offset: last }];
      for (let at = from; at < until; at += SHORTEST_OFFSET_MS) {
        const next = Math.min(at + SHORTEST_OFFSET_MS, until);
        const then = offset(next);
        if (then !== last) found.push({ from: change(at, next, QUARTER_HOUR_MS), offset: then });
        last = then;
      }
      return found;
    },
    twice(instant) {
      return [-DAY, DAY].some((away) => {
        const other = instant + Math.sign(away) * Math.abs(offset(instant + away) - offset(instant));
        return other !== instant && wall(other) === wall(instant);
      });
    },
  };
}
