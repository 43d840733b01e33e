import type { TimerRecord } from "../../timers/timer-record.ts";
import type { OutgoingRecord } from "../../../driver/driver.ts";
import type { EndsOf, JournalEntry, PartitionOffset } from "../../../driver/master-log.ts";

/** What one tick, or one of those that share its transaction, has to be committed: all of it or nothing. */
export interface Part {
  readonly records: readonly OutgoingRecord[];
  /** What goes to the journal with them; a function is asked whenever a transaction is made up, also for the same part again. */
  readonly journal: readonly JournalEntry[] | ((draft: Draft) => readonly JournalEntry[]);
  /** Whether the journal's entries tell where its records end, and so can only be written after them. */
  readonly byEnds?: boolean;
  /** Whose run it is, if it is a timer's: those of one timer keep their order. */
  readonly timer?: string;
  /** It was refused before, or is like one that was: it goes alone, so that nobody else's has to be tried again. */
  readonly alone?: boolean;
}

/** What a part's entries are made from. */
export interface Draft {
  /** What earlier parts of the same transaction write of timers, by name: later ones go on from there, and add theirs. */
  readonly earlier: Map<string, TimerRecord>;
  /** Where this part's records end; nothing if it is not `byEnds`. */
  ends(): readonly PartitionOffset[];
}

export function recordsOf(parts: readonly Part[]): readonly OutgoingRecord[] {
  const [only] = parts;
  return parts.length === 1 && only ? only.records : parts.flatMap(({ records }) => records);
}

/** What these parts, in this order, write to the journal in one transaction. */
export function entriesOf(parts: readonly Part[], endsOf?: EndsOf): JournalEntry[] {
  const earlier = new Map<string, TimerRecord>();
  let from = 0;
  return parts.flatMap(({ journal, records }) => {
    const [first, end] = [from, from += records.length];
    return typeof journal === "function" ? journal({ earlier, ends: () => endsOf?.(first, end) ?? [] }) : journal;
  });
}
