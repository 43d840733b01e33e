import type { RecordBatchCursor } from "../../core/message.ts";

/** A partition has its turn for so long before the next one has, or for one message that takes longer. */
const TURN_MS = 20;
/** The clock is read once for so many messages at most, while they are quick; what is slow of a sudden is seen that late. */
const MOST_BETWEEN_LOOKS = 16;
/** Messages of which so many take longer than this are slow: then the clock is read for each. */
const SLOW_MS = 1;

/** The turn that a run has: since when, how many messages it has handed out, and after how many the clock is read next. */
export class Turn {
  /** On the monotonic clock. */
  since = 0;
  /** From this index of the run on the clock has not been read. */
  lookedFrom = 0;
  /** The first that is not counted yet. */
  #from = 0;
  #lookedAt = 0;
  #untilLook = 1;

  begin(run: RecordBatchCursor, now: number): void {
    this.#lookedAt = now;
    this.#restart(run, now);
    this.raise(run);
  }

  /** The clock has been read: fewer messages go by until it is again, all at once, when they are slow; by and by more. */
  look(now: number): void {
    if (now - this.#lookedAt > SLOW_MS) this.#untilLook = 1;
    else if (this.#untilLook < MOST_BETWEEN_LOOKS) this.#untilLook *= 2;
    this.#lookedAt = now;
  }

  isOver(now: number): boolean {
    return now - this.since >= TURN_MS;
  }

  /** Nobody else waits: the run has another turn. Gives how many messages it has handed out in this one. */
  renew(run: RecordBatchCursor, now: number): number {
    const count = this.count(run);
    this.#restart(run, now);
    return count;
  }

  /** How many messages it has handed out that were not counted before. */
  count(run: RecordBatchCursor): number {
    const count = Math.max(0, run.index - this.#from);
    this.#from = run.index;
    return count;
  }

  /** Messages may be handed out until the clock is to be read again. */
  raise(run: RecordBatchCursor): void {
    this.lookedFrom = run.index;
    run.limit = Math.min(run.messages.length, run.index + this.#untilLook);
  }

  #restart(run: RecordBatchCursor, now: number): void {
    this.since = now;
    this.#from = run.index;
  }
}
