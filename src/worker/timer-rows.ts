import type { Outcome, TimerDefinition } from "../core/timer.ts";
import type { Journal, RunningRecord } from "./master/journal/journal.ts";
import type { TimerRecord } from "./timers/timer-record.ts";

/** A timer with what is known of its runs, for people and for JSON; null is what is not known. Times are ISO 8601. */
export interface TimerRow {
  readonly name: string;
  /** When it runs, in words; null: the journal knows the timer, and the script does not have it any more. */
  readonly rule: string | null;
  /** The interval in ms; null for one that goes by the calendar. */
  readonly every: number | null;
  readonly onMaster: boolean;
  readonly lastSlot: string | null;
  readonly outcome: Outcome | null;
  /** Of the master that ran it last. */
  readonly epoch: number | null;
  readonly worker: string | null;
  /** What it failed with last. */
  readonly error: string | null;
  readonly ran: number | null;
  readonly failed: number | null;
  readonly skipped: number | null;
  readonly caughtUp: number | null;
  /**
   * Since when its function has been running, and for which slot; null: it is not. Of another worker's it is known when it
   * has taken some seconds.
   */
  readonly runningSince: string | null;
  readonly runningSlot: string | null;
  /** Why it runs nowhere, as far as is known: a sentence; null: it may. */
  readonly notRunning: string | null;
}

type Running = Pick<RunningRecord, "since" | "slot">;

/** The row of a timer that the script has. */
export function timerRow(
  { name, rule, onMaster }: Pick<TimerDefinition, "name" | "rule" | "onMaster">,
  record: Partial<TimerRecord> | undefined,
  running: Running | undefined,
  notRunning: string | undefined,
): TimerRow {
  return {
    name,
    rule: rule.text,
    every: rule.every ?? null,
    onMaster,
    ...recordedOf(record, running),
    notRunning: notRunning ?? null,
  };
}

/** The rows of the timers that only the journal knows. */
export function goneRows(known: { has(name: string): boolean }, journal: Journal | undefined): TimerRow[] {
  return [...journal?.timers ?? []].filter(([name]) => !known.has(name)).map(([name, record]) => ({
    name,
    rule: null,
    every: null,
    onMaster: true,
    ...recordedOf(record, journal?.running.get(name)),
    notRunning: null,
  }));
}

/** What of a row is written in the journal. */
export function recordedOf(record: Partial<TimerRecord> | undefined, running: Running | undefined) {
  return {
    lastSlot: timeOf(record?.slot),
    outcome: record?.outcome ?? null,
    epoch: record?.epoch ?? null,
    worker: record?.worker ?? null,
    error: record?.error ?? null,
    ran: record?.ran ?? null,
    failed: record?.failed ?? null,
    skipped: record?.skipped ?? null,
    caughtUp: record?.caughtUp ?? null,
    runningSince: timeOf(running?.since),
    runningSlot: timeOf(running?.slot),
  };
}

/** A moment in ISO 8601. */
export function timeOf(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
