/**
 * What stands in the journal of an app's mastership, and how it is read. One value a key, JSON each:
 *
 * | key | value |
 * |-|-|
 * | `master` | {@link MasterRecord}: who became master last |
 * | `timer:<name>` | {@link TimerRecord}: how far a timer has come |
 * | `running:<name>` | {@link RunningRecord}: a run of a timer that takes long; nothing any more when it is over |
 * | `rule:<name>` | {@link RuleRecord}: when a timer runs, and since when that is so |
 * | `tasks` | {@link TasksRecord}: how often the tasks' sends were committed |
 *
 * Keys that are not known are left as they are: a newer version may have written them. A value that cannot be read is
 * an error: to go on without it would begin a schedule anew, or an epoch again.
 *
 * @module
 */
import type { WorkSummary } from "../../../core/master-work.ts";
import type { JournalEntry, PartitionOffset } from "../../../driver/master-log.ts";
import type { TimerRecord } from "../../timers/timer-record.ts";
import { Fields, isCount, isObject } from "./journal-fields.ts";

/** Of the last master. */
export interface MasterRecord {
  /** Grows by one with each master. Below 2^53, which a thousand masters a second reach in 285,000 years. */
  readonly epoch: number;
  /** The latest generation of the group in which it was master. */
  readonly generation: number;
  readonly worker: string;
  /** Of its script. */
  readonly version: string;
  /** Whether it has stepped down by itself: its lease is not to be waited for. */
  readonly resigned: boolean;
  /** What it has to run; undefined of a master of before. */
  readonly work?: WorkSummary;
}

/**
 * Of a timer's rule. It has a key of its own, so that it need not be written with each run, and a version that does not
 * know it passes it over.
 */
export interface RuleRecord {
  /** As a script's timer says when it runs: another text is another rule. */
  readonly rule: string;
  /** When a master first saw it, in ms since the epoch: slots since then are run, or were missed. */
  readonly since: number;
}

/** Of a run that takes long, and has not ended; a run of seconds is not written down before its end. */
export interface RunningRecord {
  readonly slot: number;
  /** When it began, in ms since the epoch. */
  readonly since: number;
  /** The master that runs it. */
  readonly epoch: number;
  readonly worker: string;
}

/** Of the tasks on the master: makes it possible to see whether a transaction of theirs was committed. */
export interface TasksRecord {
  readonly epoch: number;
  readonly commit: number;
}

/** All that a journal says. */
export interface Journal {
  readonly master: MasterRecord | undefined;
  readonly timers: ReadonlyMap<string, TimerRecord>;
  readonly rules: ReadonlyMap<string, RuleRecord>;
  readonly running: ReadonlyMap<string, RunningRecord>;
}

/** The format of the values. A newer one than this cannot be read. */
const FORMAT = 1;
/** The longest that an error becomes in the journal, in characters. */
const LONGEST_ERROR_CHARS = 500;
const MASTER = "master";
const TASKS = "tasks";
const TIMER = "timer:";
const RULE = "rule:";
const RUNNING = "running:";

const encoder = new TextEncoder();

/** The transactional id of an app's mastership. */
export function transactionalIdOf(app: string): string {
  return `${app}.master`;
}

export function masterEntry(record: MasterRecord): JournalEntry {
  return entry(MASTER, record);
}

export function timerEntry(name: string, record: TimerRecord): JournalEntry {
  const { error } = record;
  return entry(TIMER + name, error === undefined ? record : { ...record, error: error.slice(0, LONGEST_ERROR_CHARS) });
}

export function ruleEntry(name: string, record: RuleRecord): JournalEntry {
  return entry(RULE + name, record);
}

/** Undefined: no run takes long any more. */
export function runningEntry(name: string, record: RunningRecord | undefined): JournalEntry {
  return record ? entry(RUNNING + name, record) : { key: RUNNING + name, value: null };
}

export function tasksEntry(record: TasksRecord): JournalEntry {
  return entry(TASKS, record);
}

function entry(key: string, record: object): JournalEntry {
  return { key, value: encoder.encode(JSON.stringify({ format: FORMAT, ...record })) };
}

/**
 * What the entries of a journal say, in the order in which they were written: the last of a key counts.
 *
 * Errors: `JOURNAL_UNUSABLE`, with the entry that cannot be read.
 */
export function replay(entries: readonly JournalEntry[], topic: string): Journal {
  const last = new Map<string, Uint8Array | null>(entries.map(({ key, value }) => [key, value]));
  let master: MasterRecord | undefined;
  const timers = new Map<string, TimerRecord>();
  const rules = new Map<string, RuleRecord>();
  const running = new Map<string, RunningRecord>();
  for (const [key, value] of last) {
    if (value === null) continue;
    const fields = new Fields(key, value, topic);
    if (key === MASTER) master = masterRecord(fields.ofFormat(FORMAT));
    else if (key.startsWith(TIMER)) timers.set(key.slice(TIMER.length), timerRecord(fields.ofFormat(FORMAT)));
    else if (key.startsWith(RULE)) rules.set(key.slice(RULE.length), ruleRecord(fields.ofFormat(FORMAT)));
    else if (key.startsWith(RUNNING)) running.set(key.slice(RUNNING.length), runningRecord(fields.ofFormat(FORMAT)));
  }
  return { master, timers, rules, running };
}

function masterRecord(fields: Fields): MasterRecord {
  return {
    epoch: fields.count("epoch"),
    generation: fields.count("generation"),
    worker: fields.text("worker"),
    version: fields.text("version"),
    resigned: fields.value("resigned") === true,
    ...workOf(fields.value("work")),
  };
}

/** It is only shown: one that cannot be read is none. */
function workOf(value: unknown): Pick<MasterRecord, "work"> {
  const { count, sketch } = isObject(value) ? value : {};
  return isCount(count) && typeof sketch === "string" ? { work: { count, sketch } } : {};
}

function ruleRecord(fields: Fields): RuleRecord {
  return { rule: fields.text("rule"), since: fields.count("since") };
}

function runningRecord(fields: Fields): RunningRecord {
  return {
    slot: fields.count("slot"),
    since: fields.count("since"),
    epoch: fields.count("epoch"),
    worker: fields.text("worker"),
  };
}

function timerRecord(fields: Fields): TimerRecord {
  const outcome = fields.value("outcome");
  if (outcome !== "ok" && outcome !== "failed") throw fields.unreadable("its outcome is neither ok nor failed");
  const label = fields.value("label");
  const error = fields.value("error");
  const ends = fields.value("ends");
  return {
    slot: fields.count("slot"),
    ...(typeof label === "string" && { label }),
    outcome,
    epoch: fields.count("epoch"),
    worker: fields.text("worker"),
    ran: fields.count("ran"),
    failed: fields.count("failed"),
    skipped: fields.count("skipped"),
    caughtUp: fields.count("caughtUp"),
    ...(typeof error === "string" && { error }),
    ...(ends !== undefined && { ends: endsOf(ends, fields) }),
  };
}

function endsOf(value: unknown, fields: Fields): PartitionOffset[] {
  if (!Array.isArray(value)) throw fields.unreadable("its ends are not a list");
  return value.map((end: unknown) => {
    const { topic, partition, offset } = isObject(end) ? end : {};
    if (typeof topic === "string" && isCount(partition) && isCount(offset)) return { topic, partition, offset };
    throw fields.unreadable("its ends are not of topic, partition and offset");
  });
}
