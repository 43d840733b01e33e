import type { Logger } from "../core/logger.ts";
import type { TimerDefinition } from "../core/timer.ts";
import type { Generation, ZoneData } from "../driver/driver.ts";

/** So many years are told of, from this one on: schedules that are further away are still to be moved by governments. */
const YEARS = 3;
/** So many zones at most, since all members are told of them at each rebalance. */
const MOST_ZONES = 32;

/** The time zone data that timers on the master go by, for others to compare with theirs. `now`: in ms since the epoch. */
export function zonesOf(timers: Iterable<TimerDefinition>, release: string, now: number): ZoneData | undefined {
  const from = new Date(now).getUTCFullYear();
  const years = Array.from({ length: YEARS }, (_, n) => from + n);
  const used = [...timers].flatMap(({ onMaster, rule: { zone } }) => onMaster && zone ? [zone] : []);
  const byName = new Map(used.map((zone) => [zone.name, zone]));
  if (byName.size === 0) return undefined;
  const zones = [...byName.values()].sort((a, b) => a.name < b.name ? -1 : 1).slice(0, MOST_ZONES);
  return { release, zones: zones.map(({ name, mark }) => ({ name, from, marks: years.map(mark) })) };
}

/** The zones of which two runtimes know other things, in years of which both have told. */
function differing(a: ZoneData, b: ZoneData): string[] {
  const others = new Map(b.zones.map((zone) => [zone.name, zone]));
  return a.zones.filter(({ name, from, marks }) => {
    const other = others.get(name);
    return other !== undefined && marks.some((mark, n) => (other.marks[from + n - other.from] ?? mark) !== mark);
  }).map(({ name }) => name);
}

/** Tells, once of each master, that its time zone data differ from this worker's. */
export class ZoneWatch {
  readonly #own: ZoneData | undefined;
  readonly #logger: Logger;
  #logged = "";

  constructor(own: ZoneData | undefined, logger: Logger) {
    this.#own = own;
    this.#logger = logger;
  }

  look({ elected, master, masterZones }: Generation): void {
    if (this.#own === undefined || masterZones === undefined || elected || master === undefined) return;
    const about = JSON.stringify([master, masterZones]);
    if (about === this.#logged) return;
    this.#logged = about;
    const zones = differing(this.#own, masterZones);
    if (zones.length === 0) return;
    this.#logger.warn(
      `The time zone data of the master, ${master}, differ from this worker's in ${zones.join(", ")}: ` +
        `${
          compared(this.#own.release, masterZones.release)
        }. Slots will move with mastership: run one release everywhere.`,
    );
  }
}

/** Releases are named by year and letter. */
function compared(own: string, master: string): string {
  const isKnown = (release: string) => /^\d{4}[a-z]+$/.test(release);
  const [ours, theirs] = [own || "of no known release", master || "of no known release"];
  if (!isKnown(own) || !isKnown(master)) return `they are ${theirs} there and ${ours} here`;
  if (own === master) return `they are ${own} on both, and built differently`;
  return `${theirs} there, ${ours} here; those of ${master < own ? "the master" : "this worker"} are older`;
}
