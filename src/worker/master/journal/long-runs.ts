import type { JournalEntry } from "../../../driver/master-log.ts";
import { inParts } from "./entry-parts.ts";
import { type Journal, runningEntry, type RunningRecord } from "./journal.ts";
import type { TimerLoop } from "../../timers/timer-loop.ts";

/** A run that has taken longer than this is written down before its end. */
const LONG_MS = 5000;

export interface LongRunsParts {
  readonly epoch: number;
  /** This worker's name. */
  readonly worker: string;
  readonly timers: readonly TimerLoop[];
  /** Writes entries in one transaction. */
  write(entries: readonly JournalEntry[]): Promise<void>;
}

/** Writes down which runs of a master take long, and when they are over, so that others see what hangs. */
export class LongRuns {
  readonly #parts: LongRunsParts;
  /** What the journal says; undefined: nothing any more. */
  #written: ReadonlyMap<string, RunningRecord>;
  #writing = false;

  constructor(parts: LongRunsParts, journal: Pick<Journal, "running">) {
    this.#parts = parts;
    this.#written = journal.running;
  }

  /** Called now and then. `now`: on the monotonic clock. What could not be written is tried again the next time. */
  look(now: number): void {
    if (this.#writing) return;
    const running = this.#running(now);
    const over = [...this.#written.keys()].filter((name) => !running.has(name)).map((name) =>
      runningEntry(name, undefined)
    );
    const begun = [...running].filter(([name, { epoch, since }]) => {
      const written = this.#written.get(name);
      return written?.epoch !== epoch || written.since !== since;
    }).map(([name, record]) => runningEntry(name, record));
    if (over.length + begun.length === 0) return;
    this.#writing = true;
    Promise.all(inParts([...over, ...begun]).map((part) => this.#parts.write(part)))
      .then(() => this.#written = running, () => {})
      .finally(() => this.#writing = false);
  }

  #running(now: number): Map<string, RunningRecord> {
    const { epoch, timers, worker } = this.#parts;
    const running = new Map<string, RunningRecord>();
    for (const { timer: { name }, running: call } of timers) {
      if (call === undefined || now - call.begun < LONG_MS) continue;
      running.set(name, { slot: call.slot, since: call.since, epoch, worker });
    }
    return running;
  }
}
