import type { Clock } from "./clock.ts";
import { delay, type Sleep } from "./delay.ts";

/** How long code may run before the event loop has its turn. */
const STRETCH_MS = 10;
/** After a stretch of more than this the event loop has a while for itself: requests are answered in it. */
const LONG_STRETCH_MS = 100;
/** That while, as a part of the stretch. */
const PART_FOR_OTHERS = 1 / 20;
/** The longest. */
const MOST_FOR_OTHERS_MS = 50;

/** One turn of the event loop: resolves when timers and sockets have been looked after. */
export type EventLoopTurn = () => Promise<void>;

/**
 * Gives the event loop its turn in time: code that waits for what is at hand already runs on microtasks alone, and while
 * it does no timer fires and no socket is read. A worker whose heartbeats cannot be sent is taken for dead.
 *
 * One for all that runs in a worker. A clock need not be read for each piece of work: `turned` is a field.
 */
export class Yielder {
  /** Whether the event loop has had a turn since the clock was last looked at. */
  turned = true;
  readonly #clock: Clock;
  readonly #turn: EventLoopTurn;
  readonly #sleep: Sleep;
  /** Since when there may have been no turn. */
  #since = 0;
  #rest: Promise<void> | undefined;
  /** Those that wait in line, in order. */
  readonly #line: (() => void)[] = [];

  constructor(clock: Clock, turn: EventLoopTurn, sleep: Sleep = delay) {
    this.#clock = clock;
    this.#turn = turn;
    this.#sleep = sleep;
  }

  /** What is to be waited for before the work goes on; undefined: nothing. `now`: the monotonic clock, if it was read. */
  due(now: number = this.#clock.monotonic()): Promise<void> | undefined {
    if (this.#rest !== undefined) return this.#rest;
    if (this.turned) {
      this.#arm(now);
      return undefined;
    }
    const ran = now - this.#since;
    if (ran < STRETCH_MS) return undefined;
    const rest = ran < LONG_STRETCH_MS
      ? this.#turn()
      : this.#sleep(Math.min(ran * PART_FOR_OTHERS, MOST_FOR_OTHERS_MS));
    return this.#rest = rest.then(() => {
      this.#rest = undefined;
      this.#arm(this.#clock.monotonic());
    });
  }

  /**
   * As `due`, for many that are ready at the same moment: they go on one after the other, and the event loop has its turns
   * among them. With `due` all of them would go on after the first one's rest, at once.
   */
  inLine(): Promise<void> | undefined {
    if (this.#line.length === 0) {
      const rest = this.due();
      if (rest === undefined) return undefined;
      void rest.then(() => this.#release());
    }
    return new Promise((resolve) => void this.#line.push(resolve));
  }

  async #release(): Promise<void> {
    for (const resolve of this.#line) {
      const rest = this.due();
      if (rest) await rest;
      resolve();
      await undefined; // it goes on before the clock is looked at for the next
    }
    this.#line.length = 0;
  }

  /** For how long the event loop has had no turn, in ms, as far as this saw it: 0 if it has had one. */
  ran(now: number = this.#clock.monotonic()): number {
    return this.turned ? 0 : now - this.#since;
  }

  #arm(now: number): void {
    this.#since = now;
    this.turned = false;
    void this.#turn().then(() => {
      this.turned = true;
    });
  }
}
