import type { VirtualTime } from "../../src/testing/time.ts";
import type { until } from "../support/until.ts";

/** Resolves when all has run that needs no time: the promises of all that the last event led to. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** How long virtual time stands still before it is looked whether something has been planned, in ms of real time. */
const IDLE_MS = 1;

/** Has virtual time pass by itself, as fast as it can, for tests that wait for promises. */
export class Pump {
  readonly #time: VirtualTime;
  #stopped = false;
  #waiting: (() => void)[] = [];

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      if (!this.#time.step()) await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      await settled();
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** As `until`, in virtual time: looks after every event. */
  readonly until: typeof until = async (condition, { within = 10_000 } = {}) => {
    const limit = this.#time.now + within;
    for (;;) {
      const seen = await condition();
      if (seen) return seen as Exclude<typeof seen, false | null | undefined | 0 | "">;
      if (this.#time.now > limit) throw new Error(`not true within ${within} ms of virtual time; last seen: ${seen}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  };
}
