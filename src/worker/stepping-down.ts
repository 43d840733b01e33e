import { messageOf } from "../core/errors.ts";
import { codeField, type Logger } from "../core/logger.ts";
import { deadline, type Sleep } from "../core/delay.ts";
import type { Membership } from "../driver/driver.ts";
import { allIdle, type Running } from "./calls/stop.ts";
import type { Master } from "./master/master.ts";
import type { Mastership } from "./master/mastership.ts";
import type { WorkerSettings } from "./settings.ts";
import type { TaskLoop } from "./tasks/task-loop.ts";
import type { TimerLoop } from "./timers/timer-loop.ts";
import type { Watch } from "./watch.ts";

/** How long a master may take to write that it has resigned. */
const RESIGN_ENTRY_TIMEOUT_MS = 200;
/** If what is in hand takes longer than this, the rest is handed over before it is finished. */
const RESIGN_AFTER_MS = 100;
/** How long a static member waits until the group has heard that it resigns. */
const RESIGN_TIMEOUT_MS = 1000;

export interface SteppingDownParts {
  readonly logger: Logger;
  readonly sleep: Sleep;
  readonly settings: Pick<WorkerSettings, "instanceId" | "stopTimeout">;
  readonly watch?: Watch | undefined;
  /** The timers and tasks that run on the master. */
  readonly timers: readonly TimerLoop[];
  readonly tasks: readonly TaskLoop[];
  /** Aborts when the worker is told to stop. */
  readonly halt: AbortSignal;
  /** What there is once the worker has joined. */
  membership(): Membership | undefined;
  mastership(): Mastership | undefined;
  master(): Master | undefined;
  /** These are not waited for any more. */
  cutOff(running: readonly Running[]): void;
}

/** How a worker ceases to be master, and to have partitions: it finishes what is in hand, and lets others go on. */
export class SteppingDown {
  readonly #parts: SteppingDownParts;
  #standsDown = false;
  #handsOver = false;
  /** Stopping, it hands its partitions over one by one. */
  #drains = false;

  constructor(parts: SteppingDownParts) {
    this.#parts = parts;
  }

  get drains(): boolean {
    return this.#drains;
  }

  /** Lets another worker be master, between two runs of the timers. */
  async handOver(): Promise<void> {
    const { cutOff, halt, settings, sleep, tasks, timers } = this.#parts;
    if (this.#handsOver || halt.aborted) return;
    this.#handsOver = true;
    const master = this.#parts.master();
    master?.close();
    const done = Promise.all([...timers.map((loop) => loop.quiet()), ...tasks.map((loop) => loop.idle())]);
    await deadline(done, settings.stopTimeout.value, sleep);
    // Else the stop does it.
    if (!halt.aborted) {
      cutOff([...timers, ...tasks]);
      await master?.resign(RESIGN_ENTRY_TIMEOUT_MS);
      await this.yieldMastership("another worker is asked for");
    }
    this.#handsOver = false;
  }

  /** Is master no longer, and lets the group elect another. */
  async yieldMastership(why: string): Promise<void> {
    const [membership, mastership] = [this.#parts.membership(), this.#parts.mastership()];
    if (membership === undefined || mastership === undefined || this.#standsDown) return;
    this.#standsDown = true;
    try {
      await mastership.yieldMastership(why, () => {
        const over = membership.yieldMastership();
        this.#parts.watch?.changed();
        return over;
      });
    } catch (error) {
      this.#parts.logger.debug(`Standing down failed: ${messageOf(error)}`, codeField(error));
    }
    this.#standsDown = false;
  }

  /** When what it has in hand as master is finished, or cut off, another one may be elected: before handlers are done. */
  async end(drained: Promise<true>, timeLeftMs: () => number): Promise<void> {
    const { cutOff, master, mastership, membership, settings, sleep, tasks, timers, watch } = this.#parts;
    const masters = [...timers, ...tasks];
    const ended = allIdle(masters);
    const soon = await deadline(ended, Math.min(RESIGN_AFTER_MS, timeLeftMs()), sleep);
    if (soon === undefined && timeLeftMs() > 0) this.#drain();
    if (soon === undefined && await deadline(ended, timeLeftMs(), sleep) === undefined) cutOff(masters);
    await master()?.resign(RESIGN_ENTRY_TIMEOUT_MS);
    // A static member does not leave the group: unless it resigns, there is no other master until its session is over.
    const keepsPlace = settings.instanceId.value !== undefined && mastership()?.master === true;
    mastership()?.resign();
    const leavesSoon = timeLeftMs() === 0 || await deadline(drained, RESIGN_AFTER_MS, sleep);
    if (!leavesSoon) this.#drain();
    const resigned = keepsPlace || !leavesSoon ? membership()?.resign() : undefined;
    if (resigned) watch?.changed();
    if (keepsPlace && resigned) await deadline(resigned, RESIGN_TIMEOUT_MS, sleep);
  }

  /**
   * Has others take its partitions: those with nothing in hand at once, the others one by one. A static member keeps its
   * own: it may be back before anybody has missed it.
   */
  #drain(): void {
    if (this.#drains || this.#parts.settings.instanceId.value !== undefined) return;
    this.#drains = true;
    this.#parts.membership()?.drain();
    this.#parts.watch?.changed();
  }
}
