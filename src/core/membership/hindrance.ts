/** The group has gone on for so long, in sessions, and waits for this member: it tries another connection. */
const HANG_UP_SESSIONS = 1 / 2;
/** And so long: it goes. A stranger holds up nobody. */
const LEAVE_SESSIONS = 1;
/** A JoinGroup that was parked for so long may never have come: who does not hear of it is dropped if it is silent. */
const SILENT_SESSIONS = 3 / 2;

/**
 * Whether a member holds up its group: its heartbeats are answered, so that it is not dropped, and its rounds do not come
 * through, so that all others wait for it. A path that takes small messages and loses large ones does that.
 */
export class Hindrance {
  readonly #sessionMs: number;
  /** When the JoinGroup was sent after which no answer of a round has come; on the monotonic clock. */
  #unanswered: number | undefined;
  /** For how long the group has been seen to wait, and when that was seen last; only between two such heartbeats. */
  #waitedMs = 0;
  #seenAt: number | undefined;
  #hungUp = false;

  constructor(sessionMs: number) {
    this.#sessionMs = sessionMs;
  }

  joining(now: number): void {
    this.#unanswered ??= now;
  }

  /** JoinGroup or SyncGroup was answered, whatever with. */
  answered(): void {
    this.#unanswered = undefined;
  }

  /** A round is over, or the place that it was of. */
  over(): void {
    this.#unanswered = this.#seenAt = undefined;
    this.#waitedMs = 0;
    this.#hungUp = false;
  }

  /** A heartbeat that was sent at that moment was answered; `waits`: as by a group that has gone on. */
  beat(at: number, waits: boolean): "hangUp" | "leave" | undefined {
    if (waits && this.#seenAt !== undefined) this.#waitedMs += at - this.#seenAt;
    this.#seenAt = waits ? at : undefined;
    if (this.#waitedMs >= LEAVE_SESSIONS * this.#sessionMs) return "leave";
    if (this.#hungUp || this.#waitedMs < HANG_UP_SESSIONS * this.#sessionMs) return undefined;
    this.#hungUp = true;
    return "hangUp";
  }

  /** When it is better not to be heard of: whose JoinGroup is parked is kept all the same. */
  get silentFrom(): number {
    return this.#unanswered === undefined ? Infinity : this.#unanswered + SILENT_SESSIONS * this.#sessionMs;
  }
}
