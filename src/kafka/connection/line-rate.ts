/** How long silence may last in the end, however slow a broker turned out to be. */
const LONGEST_SILENCE_MS = 30_000;
/** Below this size the time that an answer takes says nothing of the line's rate. */
const MEASURED_BYTES = 32 << 10;
/** Of what was measured before so much counts beside a new measurement. */
const MEMORY = 0.5;
/** So many of the latest answers are looked at: one that is late says little of the others. */
const LATEST_ANSWERS = 4;

/** So many times as long as the latest answers took is waited at least. */
const ANSWERS = 3;

/** How long an answer may be waited for in silence: at first, and in the end, for a broker that is only slow; in ms. */
export interface SilenceLimits {
  readonly first: number;
  readonly most: number;
}

/**
 * What is known of the way to one broker, by all connections to it: how long its answers take, and how many bytes a second
 * come. A request is given up when nothing moves for too long, however long the whole of it takes; after each that was given
 * up the next of its kind may take longer.
 */
export class LineRate {
  /** By what was asked: how many times the first limit is waited. */
  readonly #times = new Map<string, number>();
  #latest: readonly number[] = [];
  #bytesPerSecond: number | undefined;

  /** How long an answer takes here that is given at once, the quickest of the latest, in ms; 0: there was none. */
  get answerMs(): number {
    return this.#latest.length === 0 ? 0 : Math.min(...this.#latest);
  }

  /** How fast answers come that are large enough to tell; undefined: none was. */
  get bytesPerSecond(): number | undefined {
    return this.#bytesPerSecond;
  }

  /** How long nothing may move before an answer is given up, in ms. */
  silenceMs(what: string, timeout: number | SilenceLimits): number {
    // By the slowest of the latest: what is waited for too short never comes.
    const { first, most } = typeof timeout === "number"
      ? { first: timeout, most: timeout + LONGEST_SILENCE_MS }
      : timeout;
    const wanted = Math.max(first * (this.#times.get(what) ?? 1), ANSWERS * Math.max(0, ...this.#latest));
    return Math.max(first, Math.min(wanted, most));
  }

  /** An answer has come, so long after the request; `atOnce`: the broker had nothing to wait for. */
  answered(what: string, ms: number, atOnce: boolean): void {
    const times = this.#times.get(what);
    if (times !== undefined && times > 1) this.#times.set(what, times / 2);
    else if (times !== undefined) this.#times.delete(what);
    if (atOnce) this.#latest = [...this.#latest.slice(1 - LATEST_ANSWERS), ms];
  }

  /** An answer of so many bytes has come in so many ms, from its first byte on. */
  received(bytes: number, ms: number): void {
    if (bytes < MEASURED_BYTES || ms < 1) return;
    const rate = bytes / ms * 1000;
    const before = this.#bytesPerSecond ?? rate;
    this.#bytesPerSecond = MEMORY * before + (1 - MEMORY) * rate;
  }

  /** Nothing moved for too long. */
  lost(what: string): void {
    this.#times.set(what, Math.min((this.#times.get(what) ?? 1) * 2, 64));
  }
}

/** A rate for people, such as `97 kB/s`. */
export function shownRate(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return "an unknown rate";
  const kB = bytesPerSecond / 1000;
  return `${kB < 10 ? kB.toFixed(1) : Math.round(kB)} kB/s`;
}
