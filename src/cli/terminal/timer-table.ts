import { describeSlot, isoTime, type Upcoming, upcoming } from "../../core/upcoming.ts";
import { groupBy } from "../../core/group-by.ts";
import { lackedBy } from "../../core/master-work.ts";
import { masterWork } from "../../worker/connect.ts";
import type { Journal } from "../../worker/master/journal.ts";
import { idleBy, named } from "../../worker/work-watch.ts";
import type { ScriptDefinition } from "../host.ts";
import { table } from "./table.ts";

/** A timer as a person, or a program that reads JSON, is told of it; null is what is not known. */
export interface TimerRow {
  readonly name: string;
  /** Null: the journal knows the timer, and the script does not have it any more. */
  readonly rule: string | null;
  /** The interval in ms; null for one that goes by the calendar. */
  readonly every: number | null;
  readonly onMaster: boolean;
  readonly overlap: string | null;
  readonly lastSlot: string | null;
  readonly outcome: string | null;
  readonly epoch: number | null;
  readonly worker: string | null;
  readonly error: string | null;
  readonly ran: number | null;
  readonly failed: number | null;
  readonly skipped: number | null;
  readonly caughtUp: number | null;
  /** Since when a run has been under way that takes long, and its slot. */
  readonly runningSince: string | null;
  readonly runningSlot: string | null;
  /** Why it runs nowhere, by what the journal says of the last master: a sentence. */
  readonly notRunning: string | null;
}

/** The timers of a script with what the journal says of them, and those that only the journal knows. */
export function timerRows(
  definition: Pick<ScriptDefinition, "timers" | "tasks">,
  journal: Journal | undefined,
): TimerRow[] {
  const { timers } = definition;
  const idle = lackedOf(definition, journal);
  const own = [...timers.values()].map(({ name, rule, onMaster, policy }) => ({
    name,
    rule: rule.text,
    every: rule.every ?? null,
    onMaster,
    overlap: policy.overlap,
    ...recorded(name, onMaster ? journal : undefined),
    notRunning: idle.get(name) ?? null,
  }));
  const gone = [...journal?.timers ?? []].filter(([name]) => !timers.has(name)).map((
    [name],
  ) => ({
    name,
    rule: null,
    every: null,
    onMaster: true,
    overlap: null,
    ...recorded(name, journal),
    notRunning: null,
  }));
  return [...own, ...gone];
}

/** The timers that the last master lacks. */
function lackedOf(definition: Pick<ScriptDefinition, "timers" | "tasks">, journal: Journal | undefined) {
  const { worker, version, work, resigned } = journal?.master ?? { resigned: true };
  if (resigned || work === undefined) return new Map<string, string>();
  return idleBy(named(worker, version), lackedBy(work, masterWork(definition)) ?? []);
}

function recorded(name: string, journal: Journal | undefined) {
  const [record, running] = [journal?.timers.get(name), journal?.running.get(name)];
  return {
    lastSlot: record ? new Date(record.slot).toISOString() : null,
    outcome: record?.outcome ?? null,
    epoch: record?.epoch ?? null,
    worker: record?.worker ?? null,
    error: record?.error ?? null,
    ran: record?.ran ?? null,
    failed: record?.failed ?? null,
    skipped: record?.skipped ?? null,
    caughtUp: record?.caughtUp ?? null,
    runningSince: running ? new Date(running.since).toISOString() : null,
    runningSlot: running ? new Date(running.slot).toISOString() : null,
  };
}

/** As a table; what the journal says is left out where there is none, and since when a run is under way where none is. */
export function timerTable(rows: readonly TimerRow[], journal: Journal | undefined): string {
  const runs = rows.some(({ runningSince }) => runningSince !== null);
  const recordedHeads = [
    "LAST SLOT",
    "OUTCOME",
    "EPOCH",
    "WORKER",
    "RAN",
    "FAILED",
    "SKIPPED",
    "CAUGHT UP",
    ...(runs ? ["RUNNING SINCE"] : []),
  ];
  return table([
    ["TIMER", "RUNS", "ON", "OVERLAP", ...(journal ? recordedHeads : [])],
    ...rows.map((row) => [
      row.name,
      row.rule ?? "in the journal, not in this script",
      placeOf(row.onMaster),
      cell(row.overlap),
      ...(journal
        ? [
          row.lastSlot && isoTime(Date.parse(row.lastSlot)),
          row.outcome,
          row.epoch,
          row.worker,
          row.ran,
          row.failed,
          row.skipped,
          row.caughtUp,
          ...(runs ? [row.runningSince && row.runningSince.replace(/\.\d+Z$/, "Z")] : []),
        ].map(cell)
        : []),
    ]),
  ]);
}

/** Where a timer or a task runs, in words. */
export function placeOf(onMaster: boolean): string {
  return onMaster ? "the master" : "every worker";
}

/** Why those failed whose last run did: a line each. */
export function failures(rows: readonly TimerRow[]): string {
  return rows.map(({ name, error }) =>
    error === null ? "" : `The last failure of ${name}: ${error.replace(/\s+/g, " ")}\n`
  ).join("");
}

/** Which timers do not run, and why: a line for each reason. */
export function idleTimers(rows: readonly TimerRow[]): string {
  const idle = rows.flatMap(({ name, notRunning: why }) => why === null ? [] : [{ name, why }]);
  return [...groupBy(idle, ({ why }) => why)].map(([why, rows]) =>
    `Not running: ${rows.map(({ name }) => name).join(", ")}. ${why}\n`
  ).join("");
}

function cell(value: string | number | null): string {
  return value === null ? "-" : String(value);
}

/** The next slots of each of a script's timers. */
export function comingSlots({ timers }: Pick<ScriptDefinition, "timers">, now: number, count: number) {
  return new Map([...timers.values()].map(({ name, rule }) => [name, upcoming(rule, now, count)]));
}

/** As a table: a line a slot, the timer's name at the first. */
export function comingTable(coming: ReadonlyMap<string, readonly Upcoming[]>): string {
  const lines = [...coming].flatMap(([name, slots]) =>
    slots.length === 0 ? [[name, "none any more"]] : slots.map((slot, at) => [at === 0 ? name : "", describeSlot(slot)])
  );
  return table([["TIMER", "NEXT SLOTS"], ...lines]);
}
