import type { Outcome } from "../../core/timer.ts";
import type { PartitionOffset } from "../../driver/master-log.ts";

/** What the journal says of a timer; the counts are over all of its life. */
export interface TimerRecord {
  /** The last that was run, in ms since the epoch. */
  readonly slot: number;
  /** The time on a zone's clock that it stands for, of a timer of fixed times. */
  readonly label?: string;
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
