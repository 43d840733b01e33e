import type { TimerRecord } from "./timer-record.ts";
import type { Rule } from "../../core/rule.ts";
import type { Outcome } from "../../core/timer.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";
import type { PartitionOffset } from "../../driver/master-log.ts";

/** How a run of a timer ended. */
export interface TickResult {
  readonly slot: number;
  readonly caughtUp: boolean;
  readonly outcome: Outcome;
  /** The sentence of what it failed with. */
  readonly error: string | undefined;
  /** What it sent; nothing when it failed. */
  readonly records: readonly OutgoingRecord[];
}

/** The run of a slot, for those who come after it. */
type Last = Omit<TimerRecord, "ran" | "failed" | "skipped" | "caughtUp">;

/** What the times of a rule are called. */
type Labels = Pick<Rule, "label" | "labelled">;

/** What is known of one timer's runs: what the journal said at the beginning, and what was run since. */
export class TimerState {
  readonly #worker: string;
  readonly #rule: Labels;
  #last: Last | undefined;
  readonly counts: { ran: number; failed: number; skipped: number; caughtUp: number };

  /** `worker`: this one's name. `rule`: the timer's. */
  constructor(worker: string, rule: Labels = {}) {
    this.#worker = worker;
    this.#rule = rule;
    this.counts = { ran: 0, failed: 0, skipped: 0, caughtUp: 0 };
  }

  /** Begins with what a journal says; undefined: the timer has never run. */
  begin(record: TimerRecord | undefined): void {
    this.#last = undefined;
    if (record) this.settle(record);
    const { ran = 0, failed = 0, skipped = 0, caughtUp = 0 } = record ?? {};
    Object.assign(this.counts, { ran, failed, skipped, caughtUp });
  }

  /** The latest slot that was run. */
  get last(): Last | undefined {
    return this.#last;
  }

  /**
   * Up to which slot all is done, as this runtime has it: of a fixed time that another one ran, with other data of the zone,
   * its own slot. No time is run twice so, nor is one left out that seems to come before.
   */
  get position(): number | undefined {
    return this.#last && this.#positionOf(this.#last);
  }

  /** Forgets the last slot: the clock that it was by was wrong. */
  forget(): void {
    this.#last = undefined;
  }

  skip(slots: number): void {
    this.counts.skipped += slots;
  }

  /**
   * What is true when this run is written down. A run that ends after a later slot's (`overlap: "allow"`) is counted; the
   * last slot only grows, so that nothing runs twice: an older one that is under way when its master dies is not run
   * again. `earlier`: a run that is written down in the same transaction, before this one.
   */
  after(
    run: TickResult,
    epoch: number,
    ends: readonly PartitionOffset[] | undefined,
    earlier?: TimerRecord,
  ): TimerRecord {
    const { ran, failed, caughtUp } = earlier ?? this.counts;
    const { skipped } = this.counts;
    const { slot, outcome, error } = run;
    const before = earlier ? lastOf(earlier) : this.#last;
    const later = before && this.#positionOf(before) > slot ? before : undefined;
    const label = this.#rule.label?.(slot);
    const last: Last = later ?? {
      slot,
      ...(label !== undefined && { label }),
      outcome,
      epoch,
      worker: this.#worker,
      ...(error !== undefined && { error }),
      ...(ends !== undefined && ends.length > 0 && { ends }),
    };
    return {
      ...last,
      ran: ran + (outcome === "ok" ? 1 : 0),
      failed: failed + (outcome === "failed" ? 1 : 0),
      skipped,
      caughtUp: caughtUp + (run.caughtUp ? 1 : 0),
    };
  }

  /** It has been written down. */
  settle(record: TimerRecord): void {
    const { ran, failed, caughtUp } = record;
    this.#last = lastOf(record);
    Object.assign(this.counts, { ran, failed, caughtUp });
  }

  #positionOf({ label, slot }: Last): number {
    return (label === undefined ? undefined : this.#rule.labelled?.(label)) ?? slot;
  }
}

function lastOf({ ran: _ran, failed: _failed, caughtUp: _caughtUp, skipped: _skipped, ...last }: TimerRecord): Last {
  return last;
}
