import type { Clock } from "../clock.ts";
import type { Sent } from "./place.ts";

/** What another member is doing may reach the coordinator a moment after we have heard of it: asked again then. */
const AGAIN_MS = 25;

/** While one has no answer yet, others follow it so many times a session. */
const UNANSWERED_IN_A_SESSION = 10;

/** From one heartbeat to the next while there is no answer, in ms. */
export function unansweredIntervalMs(intervalMs: number, sessionMs: number): number {
  return Math.max(intervalMs, sessionMs / UNANSWERED_IN_A_SESSION);
}

/**
 * When heartbeats are due: from one sending to the next, since an answer may be read late, and at once when there is a
 * reason. A coordinator that answers late is asked again before it has answered: what counts is when that was sent which is
 * answered, and one by one they would be further apart than a session is long.
 */
export class Pulse {
  readonly #intervalMs: number;
  readonly #unansweredMs: number;
  readonly #clock: Clock;
  readonly #underWay = new Set<Sent>();
  /** How many more are to be sent sooner than their time. */
  #soon = 0;
  #sentAt: number;
  #endedAt = -Infinity;

  constructor(intervalMs: number, sessionMs: number, clock: Clock) {
    this.#intervalMs = intervalMs;
    this.#unansweredMs = unansweredIntervalMs(intervalMs, sessionMs);
    this.#clock = clock;
    this.#sentAt = clock.monotonic();
  }

  /** When the next one is due, on the monotonic clock. */
  get dueAt(): number {
    if (this.#soon === 2) return -Infinity;
    if (this.#underWay.size > 0) return this.#sentAt + this.#unansweredMs;
    const next = this.#sentAt + this.#intervalMs;
    return this.#soon === 1 ? Math.min(next, this.#endedAt + AGAIN_MS) : next;
  }

  sending(sent: Sent): void {
    this.#underWay.add(sent);
    this.#sentAt = this.#clock.monotonic();
    this.#soon = Math.max(0, this.#soon - 1);
  }

  /** Whether it is one of those under way, which is over by that. */
  ended(sent: Sent): boolean {
    if (!this.#underWay.delete(sent)) return false;
    this.#endedAt = this.#clock.monotonic();
    return true;
  }

  /** No answer to any is expected any more. */
  forget(): void {
    this.#underWay.clear();
    this.#endedAt = this.#clock.monotonic();
  }

  /** One at once, and another a moment later. */
  beatNow(): void {
    this.#soon = 2;
  }
}
