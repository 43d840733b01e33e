import type { Clock } from "../core/clock.ts";
import { formatDuration } from "../core/duration.ts";
import { describeThrown } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Sleep } from "../core/pause.ts";
import { nextSlot, slotsBetween } from "../core/schedule.ts";
import type { Tick, TimerDefinition } from "../core/timer.ts";
import type { FencedPublisher } from "../driver/driver.ts";
import type { Context } from "../runtime/context.ts";
import { type Scope, TickSends } from "./sends.ts";

/** The longest sleep, in ms: a wall clock that is set is noticed, and no timer of the runtime overflows. */
const LONGEST_SLEEP = 30_000;
/** A clock that was ahead by more than this was wrong, in ms; one that is set back by less makes a timer wait. */
const SET_BACK = 60_000;
/** How often it is told that runs outlast their interval, in ms. */
const AGAIN = 60_000;

/** While it lasts, a timer runs. */
export interface Span {
  /** 0 on a timer that runs on every worker. */
  readonly epoch: number;
  readonly signal: AbortSignal;
  holds(): boolean;
}

/** What has happened to a timer. */
export interface TimerCounts {
  lastSlot: number | undefined;
  ran: number;
  failed: number;
  skipped: number;
}

export interface TimerLoopParts {
  readonly fenced: FencedPublisher;
  readonly context: Context<Scope>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** Runs a timer's function at its slots, one at a time. */
export class TimerLoop {
  readonly timer: TimerDefinition;
  readonly counts: TimerCounts = { lastSlot: undefined, ran: 0, failed: 0, skipped: 0 };
  readonly #parts: TimerLoopParts;
  #running: Promise<void> = Promise.resolve();
  #toldAt = -Infinity;
  readonly #ended = new AbortController();

  constructor(timer: TimerDefinition, parts: TimerLoopParts) {
    this.timer = timer;
    this.#parts = parts;
  }

  /** Runs at every slot from the next one on, until the span is over. A run of an earlier span is waited for. */
  start(span: Span): void {
    this.#running = this.#running.then(() => this.#loop(span));
  }

  /** No new run begins; one that is under way may finish. */
  end(): void {
    this.#ended.abort();
  }

  /** Resolves when the function is not running, after `end`, or when all spans are over. */
  idle(): Promise<void> {
    return this.#running;
  }

  async #loop(span: Span): Promise<void> {
    const { interval } = this.timer;
    const { clock, sleep } = this.#parts;
    // Never a slot that has run already, also when the clock was set back.
    let after = this.#inTime(Math.max(clock.wall(), this.counts.lastSlot ?? 0));
    const over = AbortSignal.any([span.signal, this.#ended.signal]);
    while (!over.aborted) {
      const slot = nextSlot(interval, after);
      for (let left = slot - clock.wall(); left > 0; left = slot - clock.wall()) {
        await sleep(Math.min(left, LONGEST_SLEEP), over);
        if (over.aborted) return;
        const corrected = this.#inTime(after);
        if (corrected === after) continue;
        after = corrected;
        break;
      }
      if (slot > clock.wall()) continue; // the clock was set back
      if (!span.holds()) return;
      await this.#tick(slot, span);
      after = Math.max(clock.wall(), slot);
      this.#skipped(slot, nextSlot(interval, after), after - slot);
    }
  }

  /**
   * After which moment the next slot is to be looked for. A clock that was ahead, and has been set right, must not keep the
   * timer silent until it is as late again: beyond a minute, and an interval, its slots begin anew.
   */
  #inTime(after: number): number {
    const now = this.#parts.clock.wall();
    if (after - now <= Math.max(SET_BACK, this.timer.interval)) return after;
    this.#parts.logger.warn(
      `The clock has been set back by ${formatDuration(after - now)}: timer ${this.timer.name} goes on from now.`,
    );
    this.counts.lastSlot = undefined;
    return now;
  }

  async #tick(slot: number, { epoch, signal, holds }: Span): Promise<void> {
    const { name, fn, onMaster } = this.timer;
    const { context, fenced, logger } = this.#parts;
    this.counts.lastSlot = slot;
    const tick: Tick = { slot, scheduledAt: new Date(slot), epoch, signal, caughtUp: false, previous: undefined };
    const sends = new TickSends(name, holds, (sentence) => logger.error(sentence));
    try {
      if (!onMaster) await fn(tick);
      else {
        await context.run(sends, async () => await fn(tick));
        const records = sends.end();
        if (records.length > 0 && !holds()) {
          logger.warn(
            `Timer ${name} outlived this worker's mastership: its ${records.length} messages are not published.`,
          );
        } else if (records.length > 0) await fenced.publish(records);
        logger.debug(`Timer ${name} ran for ${new Date(slot).toISOString()}: ${records.length} messages published.`);
      }
      this.counts.ran++;
    } catch (error) {
      sends.abandon();
      this.counts.failed++;
      logger.error(`Timer ${name} failed at ${new Date(slot).toISOString()}: ${describeThrown(error)}`);
    }
  }

  #skipped(slot: number, next: number, took: number): void {
    const { name, interval } = this.timer;
    const skipped = slotsBetween(interval, slot, next);
    if (skipped === 0) return;
    this.counts.skipped += skipped;
    const now = this.#parts.clock.monotonic();
    if (now - this.#toldAt < AGAIN) return;
    this.#toldAt = now;
    this.#parts.logger.warn(
      `Timer ${name} took ${formatDuration(took)}, longer than its interval of ${formatDuration(interval)}: ` +
        `${skipped} ${skipped === 1 ? "slot is" : "slots are"} skipped.`,
    );
  }
}
