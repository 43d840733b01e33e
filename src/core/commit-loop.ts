import type { Acknowledgements } from "./acknowledgements.ts";
import type { Clock } from "./clock.ts";

/**
 * What came of a commit. What `waits` may be accepted the next time; `refused` is what does not pass by itself, such as a
 * missing right; `gone`: a topic is not there, of which nothing can be committed.
 */
export type CommitOutcome = "accepted" | "waits" | "refused" | "gone";

export interface CommitLoopParts {
  readonly clock: Pick<Clock, "monotonic">;
  /** Commits once what is behind of these. */
  commit(acks: readonly Acknowledgements[]): Promise<CommitOutcome>;
  /** Closes what is of topics that are gone. */
  closeGone(acks: readonly Acknowledgements[]): Promise<void>;
  /** Makes the pauses between the attempts of one commit. */
  pauses(): () => Promise<void>;
  /** A refusal that lasts for so long is final, in ms. */
  readonly refusalMs: number;
  /** Whether nothing is committed any more. */
  stopped(): boolean;
}

/** Commits what was handled, one commit at a time: now and then what there is, or firmly what is given up. */
export class CommitLoop {
  readonly #parts: CommitLoopParts;
  #committing: Promise<CommitOutcome> | undefined;

  constructor(parts: CommitLoopParts) {
    this.#parts = parts;
  }

  /** Commits once what is behind; while a commit is under way, that one is waited for instead. */
  commit(acks: readonly Acknowledgements[]): Promise<CommitOutcome> {
    return this.#committing ??= this.#parts.commit(acks).finally(() => {
      this.#committing = undefined;
    });
  }

  /**
   * Commits until it is accepted, or refused for too long, or the partitions are lost, or time is over; gives the last
   * outcome. `until`: on the monotonic clock.
   */
  async firmly(acks: readonly Acknowledgements[], until: number): Promise<CommitOutcome> {
    const { clock, closeGone, pauses, refusalMs, stopped } = this.#parts;
    const pause = pauses();
    let refusedSince: number | undefined;
    let outcome: CommitOutcome = "accepted";
    while (acks.some(isBehind)) {
      await this.#committing;
      outcome = await this.commit(acks);
      if (outcome === "accepted") continue;
      if (outcome !== "refused") refusedSince = undefined;
      else if (clock.monotonic() - (refusedSince ??= clock.monotonic()) >= refusalMs) break;
      if (outcome === "gone") await closeGone(acks);
      if (clock.monotonic() > until || stopped()) break;
      await pause();
    }
    return outcome;
  }
}

/** Whether something was handled that the group does not know. */
export function isBehind({ closed, position, committed }: Acknowledgements): boolean {
  return !closed && position > committed;
}
