import type { Clock } from "./clock.ts";

/** What a lease is measured by; all in ms. */
export interface LeaseTerms {
  /** The broker expels a member of which it has heard nothing for this long. */
  readonly session: number;
  /** The broker expels a member that has not rejoined for this long after a rebalance began. */
  readonly rebalance: number;
  /** How much earlier than the broker's own reckoning a lease ends. */
  readonly margin: number;
}

/**
 * A moment on all clocks: the monotonic one may stand still while a machine is suspended, the wall clock may be set. The
 * third does neither, and is not to be had everywhere.
 */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
  readonly boot?: number | undefined;
}

const NEVER: Instant = { monotonic: -Infinity, wall: -Infinity, boot: -Infinity };

/**
 * How long a member may act on what the group told it:
 *
 *     end = min(last sign of life + session, last proof of the generation + rebalance timeout) - margin
 *
 * Everything is counted from the moment a request was SENT, so that the end is before the broker can have removed the
 * member. A heartbeat answered REBALANCE_IN_PROGRESS is a sign of life but no proof: a member that goes on sending
 * them without rejoining is removed at the rebalance timeout.
 */
export class Lease {
  readonly #terms: LeaseTerms;
  readonly #clock: Clock;
  #life: Instant = NEVER;
  #proof: Instant = NEVER;
  /** The last sign of life, whatever has ended the lease since; on the monotonic clock. */
  #alive = -Infinity;
  /** Since the last answer that counted. */
  #seenOver = false;

  constructor(terms: LeaseTerms, clock: Clock) {
    this.#terms = terms;
    this.#clock = clock;
  }

  /** Now, on all clocks: what the methods below take as the moment of sending. */
  now(): Instant {
    return { monotonic: this.#clock.monotonic(), wall: this.#clock.wall(), boot: this.#clock.boot?.() };
  }

  /** An answered SyncGroup, or a heartbeat answered without error in a generation that has been synced. */
  renew(sent: Instant): void {
    this.signOfLife(sent);
    this.#proof = later(this.#proof, sent);
    if (this.#proof === sent) this.#seenOver = false;
  }

  /** An answered JoinGroup; a heartbeat answered REBALANCE_IN_PROGRESS, or in a generation that is not synced yet. */
  signOfLife(sent: Instant): void {
    this.#life = later(this.#life, sent);
    if (this.#life === sent) this.#seenOver = false;
    this.#alive = Math.max(this.#alive, sent.monotonic);
  }

  /** Ends the lease at once: any other error of the coordinator. */
  end(): void {
    this.#life = NEVER;
    this.#proof = NEVER;
  }

  /**
   * Whether the broker cannot have removed this member for its silence: who is unknown all the same has been forgotten
   * with the rest of its group, and another's lease may be running.
   */
  get wasAlive(): boolean {
    return this.#clock.monotonic() - this.#alive < this.#terms.session;
  }

  /** What is left, in ms, on the clock that has less; 0 or less when it is over. */
  left(): number {
    const now = this.now();
    const left = Math.min(this.#left("monotonic", now), this.#left("wall", now), this.#left("boot", now));
    return this.#seenOver ? Math.min(0, left) : left;
  }

  /** Whether it still holds. Once seen to be over it is, whatever a wall clock is set to, until a later request is answered. */
  holds(): boolean {
    if (this.left() > 0) return true;
    this.#seenOver = true;
    return false;
  }

  #left(clock: keyof Instant, now: Instant): number {
    const { session, rebalance, margin } = this.#terms;
    const [life, proof, at] = [this.#life[clock], this.#proof[clock], now[clock]];
    if (life === undefined || proof === undefined || at === undefined) return Infinity; // the other clocks say
    return Math.min(life + session, proof + rebalance) - margin - at;
  }
}

/** By the monotonic clock alone: a wall clock that was ahead for a while must not stand for the later of two requests. */
function later(a: Instant, b: Instant): Instant {
  return b.monotonic < a.monotonic ? a : b;
}
