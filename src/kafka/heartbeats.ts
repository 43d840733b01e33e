import { pause } from "../core/pause.ts";

/** What another member is doing may reach the coordinator a moment after we have heard of it: asked again then, in ms. */
const AGAIN = 25;

/** When heartbeats are sent: on a timer of their own, whatever else this process does, and at once when there is a reason. */
export class Heartbeats {
  readonly #interval: number;
  readonly #beat: () => Promise<void>;
  readonly #stop: AbortSignal;
  #pausing = new AbortController();
  /** How many more are to be sent sooner than their time. */
  #soon = 0;

  /** `beat` sends one and never throws. `interval` in ms. */
  constructor(interval: number, beat: () => Promise<void>, stop: AbortSignal) {
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
    await pause(this.#soon === 0 ? this.#interval : Math.min(AGAIN, this.#interval), this.#pausing.signal);
  }
}
