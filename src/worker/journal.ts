/**
 * What stands in the journal of an app's mastership, and how it is read. One value a key, JSON each:
 *
 * | key | value |
 * |-|-|
 * | `master` | {@link MasterRecord}: who became master last |
 * | `timer:<name>` | {@link TimerRecord}: how far a timer has come |
 * | `tasks` | {@link TasksRecord}: how often the tasks' sends were committed |
 *
 * Keys that are not known are left as they are: a newer version may have written them. A value that cannot be read is
 * an error: to go on without it would begin a schedule anew, or an epoch again.
 *
 * @module
 */
import { MephistoError } from "../core/errors.ts";
import type { Outcome } from "../core/timer.ts";
import type { JournalEntry, PartitionOffset } from "../driver/master-log.ts";

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
}

/** Of a timer; the counts are over all of its life. */
export interface TimerRecord {
  /** The last that was run, in ms since the epoch. */
  readonly slot: number;
  /** How that ended. */
  readonly outcome: Outcome;
  /** The master that ran it. */
  readonly epoch: number;
  readonly worker: string;
  readonly ran: number;
  readonly failed: number;
  readonly skipped: number;
  readonly caughtUp: number;
  /** The sentence of the last failure, if that was the last outcome. */
  readonly error?: string;
  /** Where its messages end in the topics of the app's actors, for timers that wait until they are consumed. */
  readonly ends?: readonly PartitionOffset[];
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
}

/** The format of the values. A newer one than this cannot be read. */
const FORMAT = 1;
/** The longest that an error becomes in the journal, in characters. */
const LONGEST_ERROR = 500;
const MASTER = "master";
const TASKS = "tasks";
const TIMER = "timer:";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The transactional id of an app's mastership. */
export function transactionalIdOf(app: string): string {
  return `${app}.master`;
}

export function masterEntry(record: MasterRecord): JournalEntry {
  return entry(MASTER, record);
}

export function timerEntry(name: string, record: TimerRecord): JournalEntry {
  const { error } = record;
  return entry(TIMER + name, error === undefined ? record : { ...record, error: error.slice(0, LONGEST_ERROR) });
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
  for (const [key, value] of last) {
    if (value === null) continue;
    const fields = new Fields(key, value, topic);
    if (key === MASTER) master = masterRecord(fields);
    else if (key.startsWith(TIMER)) timers.set(key.slice(TIMER.length), timerRecord(fields));
  }
  return { master, timers };
}

function masterRecord(fields: Fields): MasterRecord {
  return {
    epoch: fields.count("epoch"),
    generation: fields.count("generation"),
    worker: fields.text("worker"),
    version: fields.text("version"),
    resigned: fields.value("resigned") === true,
  };
}

function timerRecord(fields: Fields): TimerRecord {
  const outcome = fields.value("outcome");
  if (outcome !== "ok" && outcome !== "failed") throw fields.unreadable("its outcome is neither ok nor failed");
  const error = fields.value("error");
  const ends = fields.value("ends");
  return {
    slot: fields.count("slot"),
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
  if (!Array.isArray(value)) throw fields.unreadable("its ends are no list");
  return value.map((end: unknown) => {
    const { topic, partition, offset } = isObject(end) ? end : {};
    if (typeof topic === "string" && isCount(partition) && isCount(offset)) return { topic, partition, offset };
    throw fields.unreadable("its ends are not of topic, partition and offset");
  });
}

/** The fields of an entry's value, and what is wrong with them. */
class Fields {
  readonly #key: string;
  readonly #topic: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(key: string, bytes: Uint8Array, topic: string) {
    this.#key = key;
    this.#topic = topic;
    this.#fields = this.#read(bytes);
    const format = this.value("format");
    if (!isCount(format)) throw this.unreadable("it has no format");
    // What a newer version writes under keys of its own is its own affair.
    if (format > FORMAT && (key === MASTER || key.startsWith(TIMER))) {
      throw this.unreadable(`its format ${format} is of a newer version of Mephisto`);
    }
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  count(name: string): number {
    const value = this.value(name);
    if (isCount(value)) return value;
    throw this.unreadable(`its ${name} is no whole number`);
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value === "string") return value;
    throw this.unreadable(`its ${name} is no text`);
  }

  unreadable(why: string, cause?: unknown): MephistoError {
    return new MephistoError(
      "JOURNAL_UNUSABLE",
      `The entry ${JSON.stringify(this.#key)} of the journal ${this.#topic} cannot be read: ${why}. No timer runs on ` +
        `the master until it is right. Find out what wrote it; deleting the topic begins the schedule anew.`,
      { cause },
    );
  }

  #read(bytes: Uint8Array): Record<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(decoder.decode(bytes));
    } catch (cause) {
      throw this.unreadable("it is no JSON", cause);
    }
    if (!isObject(value)) throw this.unreadable("it is no object");
    return value;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
