import type { Timer, Timers } from "../../src/broker/groups/timers.ts";

/** Time that stands still until it is moved: timers and a wall clock. */
export class FakeTime implements Timers {
  now = 1_700_000_000_000;
  readonly #pending = new Set<{ at: number; task: () => void }>();

  wall(): number {
    return this.now;
  }

  after(ms: number, task: () => void): Timer {
    const entry = { at: this.now + ms, task };
    this.#pending.add(entry);
    return { cancel: () => this.#pending.delete(entry) };
  }

  /** Moves on, and runs what is due on the way, in its order. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [next] = [...this.#pending].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#pending.delete(next);
      this.now = Math.max(this.now, next.at);
      next.task();
    }
    this.now = end;
  }
}
