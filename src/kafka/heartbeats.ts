import type { Clock } from "../core/clock.ts";
import { pause } from "../core/pause.ts";

/** What another member is doing may reach the coordinator a moment after we have heard of it: asked again then, in ms. */
const AGAIN = 25;

/** When heartbeats are sent: on a timer of their own, whatever else this process does, and at once when there is a reason. */
export class Heartbeats {
  readonly #interval: number;
  readonly #beat: () => Promise<void>;
  readonly #stop: AbortSignal;
  readonly #clock: Clock;
  #pausing = new AbortController();
  /** When the last one was sent, on the monotonic clock. */
  #sent = -Infinity;
  /** How many more are to be sent sooner than their time. */
  #soon = 0;

  /** `beat` sends one and never throws. `interval` in ms. */
  constructor(interval: number, beat: () => Promise<void>, stop: AbortSignal, clock: Clock) {
    this.#clock = clock;
    this.#interval = interval;
    this.#beat = beat;
    this.#stop = stop;
    stop.addEventListener("abort", () => this.#pausing.abort());
  }

  /** Until they are stopped. */
  async run(): Promise<void> {
    while (!this.#stop.aborted) {
      await this.#pause();
      if (this.#stop.aborted) return;
      this.#soon = Math.max(0, this.#soon - 1);
      this.#sent = this.#clock.monotonic();
      await this.#beat();
    }
  }

  /** Sends one at once, and another a moment later. */
  hurry(): void {
    this.#soon = 2;
    this.#pausing.abort();
  }

  async #pause(): Promise<void> {
    if (this.#soon === 2) return;
    this.#pausing = new AbortController();
    // From one sending to the next: an answer may be read late, in a process that is busy, and the next is due then.
    const sinceSent = Math.min(this.#clock.monotonic() - this.#sent, this.#interval);
    const ms = this.#soon === 0 ? this.#interval - sinceSent : Math.min(AGAIN, this.#interval);
    await pause(ms, this.#pausing.signal);
  }
}
