import type { Clock } from "../clock.ts";
import type { Sent } from "./place.ts";

/** What another member is doing may reach the coordinator a moment after we have heard of it: asked again then, in ms. */
const AGAIN_MS = 25;

/** When heartbeats are due: from one sending to the next, since an answer may be read late, and at once when there is a reason. */
export class Pulse {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  /** Under way. */
  #sent: Sent | undefined;
  /** How many more are to be sent sooner than their time. */
  #soon = 0;
  #sentAt: number;
  #endedAt = -Infinity;

  constructor(intervalMs: number, clock: Clock) {
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#sentAt = clock.monotonic();
  }

  /** When the next one is due, on the monotonic clock; undefined while one is under way. */
  get dueAt(): number | undefined {
    if (this.#sent !== undefined) return undefined;
    if (this.#soon === 2) return -Infinity;
    const next = this.#sentAt + this.#intervalMs;
    return this.#soon === 1 ? Math.min(next, this.#endedAt + AGAIN_MS) : next;
  }

  sending(sent: Sent): void {
    this.#sent = sent;
    this.#sentAt = this.#clock.monotonic();
    this.#soon = Math.max(0, this.#soon - 1);
  }

  /** Whether it is the one under way, which is over by that. */
  ended(sent: Sent): boolean {
    if (this.#sent !== sent) return false;
    this.forget();
    return true;
  }

  /** No answer to it is expected any more. */
  forget(): void {
    this.#sent = undefined;
    this.#endedAt = this.#clock.monotonic();
  }

  /** One at once, and another a moment later. */
  hurry(): void {
    this.#soon = 2;
  }
}
