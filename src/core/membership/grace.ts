import type { Clock } from "../clock.ts";

/**
 * For how long a lease may still be held that the group does not know of: of a predecessor in a static member's place, or of
 * another when the group's state was lost. Whoever is elected meanwhile waits.
 */
export class LeaseGrace {
  readonly #sessionMs: number;
  readonly #clock: Clock;
  /** Undefined: a static member that has not joined yet. It may take the place of one that is still alive, and master. */
  #notBefore: number | undefined;

  constructor(sessionMs: number, isStatic: boolean, clock: Clock) {
    this.#sessionMs = sessionMs;
    this.#notBefore = isStatic ? undefined : -Infinity;
    this.#clock = clock;
  }

  /** The moment of the monotonic clock before which nobody acts. */
  get notBefore(): number {
    return this.#notBefore ?? -Infinity;
  }

  /** What to ask of all others when joining, in ms. */
  get asked(): number {
    if (this.#notBefore === undefined) return this.#sessionMs;
    return Math.max(0, Math.ceil(this.#notBefore - this.#clock.monotonic()));
  }

  /** A JoinGroup has been answered. */
  joined(): void {
    if (this.#notBefore === undefined) this.session();
  }

  /** A session from now on, or from a moment of the monotonic clock; what has been asked for beyond that is kept. */
  session(since: number = this.#clock.monotonic()): void {
    this.#notBefore = Math.max(this.notBefore, since + this.#sessionMs);
  }

  /** Another member has asked for it. Kept by all: whoever asked may go, and another one may be elected. */
  heard(ms: number): void {
    if (ms > 0) this.#notBefore = Math.max(this.notBefore, this.#clock.monotonic() + ms);
  }
}
