import type { Logger } from "../core/logger.ts";
import { isSameWork, lackedBy, type NamedWork, type WorkSummary } from "../core/master-work.ts";
import type { Generation } from "../driver/driver.ts";

/** So many names are told of at most. */
const MOST_NAMES = 10;

/**
 * Sees what this worker has to run on the master, and the elected one lacks, as in a mixed deploy: each master is told of
 * once. A master in turn tells which workers lack something of its own, and are not elected therefore.
 */
export class WorkWatch {
  readonly #own: readonly NamedWork[];
  readonly #logger: Logger;
  #seen: { readonly master: string; readonly work: WorkSummary } | undefined;
  /** Why each timer does not run. */
  #idle: ReadonlyMap<string, string> = new Map();
  #reason: string | undefined;
  readonly #logged = new Set<string>();

  constructor(own: readonly NamedWork[], logger: Logger) {
    this.#own = own;
    this.#logger = logger;
  }

  /** Why a timer of this worker's runs nowhere, as far as the group knows; undefined: it may. */
  notRunning(timer: string): string | undefined {
    return this.#reason ?? this.#idle.get(timer);
  }

  look({ elected, lacking = [], master, masterVersion = "", masterWork }: Generation): void {
    this.#reason = master === undefined ? "Nobody is master." : undefined;
    if (elected) { for (const each of lacking) this.#logOf(named(each.worker, each.version), each.work); }
    if (master === undefined || elected || masterWork === undefined) return this.#forget();
    const name = named(master, masterVersion);
    if (this.#seen?.master === name && isSameWork(this.#seen.work, masterWork)) return;
    this.#seen = { master: name, work: masterWork };
    const lacked = lackedBy(masterWork, this.#own);
    this.#idle = idleBy(name, lacked ?? []);
    if (lacked?.length === 0) return;
    const what = lacked === undefined
      ? `has other timers than this worker, ${masterWork.count} instead of ${this.#own.length}, which are too many to be ` +
        "told by name. Those that it lacks"
      : `lacks ${describe(lacked)} of this worker. What it lacks`;
    const run = lacked === undefined ? "run" : "runs";
    this.#logger.warn(`The master, ${name}, ${what} ${run} nowhere until a worker that has it is elected.`);
  }

  #forget(): void {
    this.#seen = undefined;
    this.#idle = new Map();
  }

  #logOf(worker: string, work: WorkSummary): void {
    const key = `${work.count} ${work.sketch}`;
    if (this.#logged.has(key)) return;
    this.#logged.add(key);
    const lacked = lackedBy(work, this.#own);
    if (lacked?.length === 0) return;
    const what = lacked === undefined
      ? "has other timers than this master"
      : `lacks ${describe(lacked)} of this master`;
    this.#logger.info(`Worker ${worker} ${what}. It is elected only where no worker has all.`);
  }
}

/** Why each of the timers does not run that a master lacks. */
export function idleBy(master: string, lacked: readonly NamedWork[]): ReadonlyMap<string, string> {
  const timers = lacked.filter(({ rule }) => rule !== "task");
  return new Map(timers.map(({ name }) => [name, `The master ${master} has no such timer.`]));
}

/** A worker with its version, for people. */
export function named(worker: string, version: string): string {
  return version === "" ? worker : `${worker} (version ${version})`;
}

function describe(work: readonly NamedWork[]): string {
  const of = (noun: string, names: readonly string[]) => {
    if (names.length === 0) return [];
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
    const list = names.slice(0, MOST_NAMES).join(", ");
    return [`${names.length === 1 ? `the ${noun}` : `the ${names.length} ${noun}s`} ${list}${more}`];
  };
  const names = (isTask: boolean) => work.filter(({ rule }) => (rule === "task") === isTask).map(({ name }) => name);
  return [...of("timer", names(false)), ...of("task", names(true))].join(" and ");
}
