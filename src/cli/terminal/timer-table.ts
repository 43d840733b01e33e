import { describeSlot, isoTime, type Upcoming, upcoming } from "../../core/upcoming.ts";
import { groupBy } from "../../core/group-by.ts";
import { lackedBy } from "../../core/master-work.ts";
import { masterWork } from "../../worker/connect.ts";
import type { Overlap } from "../../core/timer.ts";
import type { Journal } from "../../worker/master/journal/journal.ts";
import { goneRows, type TimerRow, timerRow } from "../../worker/timer-rows.ts";
import { idleBy, named } from "../../worker/work-watch.ts";
import type { ScriptDefinition } from "../host.ts";
import { table } from "./table.ts";

/** A timer, as `timers` and `list` show it. */
export interface ListedTimer extends TimerRow {
  readonly overlap: Overlap | null;
}

/** The timers of a script with what the journal says of them, and those that only the journal knows. */
export function listedTimers(
  definition: Pick<ScriptDefinition, "timers" | "tasks">,
  journal: Journal | undefined,
): ListedTimer[] {
  const { timers } = definition;
  const idle = lackedOf(definition, journal);
  const own = [...timers.values()].map((timer) => {
    const { name, policy } = timer;
    const written = timer.onMaster ? journal : undefined;
    const row = timerRow(timer, written?.timers.get(name), written?.running.get(name), idle.get(name));
    return { ...row, overlap: policy.overlap };
  });
  return [...own, ...goneRows(timers, journal).map((row) => ({ ...row, overlap: null }))];
}

/** The timers that the last master lacks. */
function lackedOf(definition: Pick<ScriptDefinition, "timers" | "tasks">, journal: Journal | undefined) {
  const { worker, version, work, resigned } = journal?.master ?? { resigned: true };
  if (resigned || work === undefined) return new Map<string, string>();
  return idleBy(named(worker, version), lackedBy(work, masterWork(definition)) ?? []);
}

/** As a table; what the journal says is left out where there is none, and since when a run is under way where none is. */
export function timerTable(rows: readonly ListedTimer[], journal: Journal | undefined): string {
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
export function failures(rows: readonly ListedTimer[]): string {
  return rows.map(({ name, error }) =>
    error === null ? "" : `The last failure of ${name}: ${error.replace(/\s+/g, " ")}\n`
  ).join("");
}

/** Which timers do not run, and why: a line for each reason. */
export function idleTimers(rows: readonly ListedTimer[]): string {
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
