import { askingSignal } from "../../core/asking-signal.ts";
import type { Clock, WallClock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import { describeThrown, MephistoError, messageOf } from "../../core/errors.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import { Pacer, type Sleep } from "../../core/delay.ts";
import { BACKOFF, backoffMs } from "../../core/backoff.ts";
import type { Tick, TimerDefinition } from "../../core/timer.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";
import type { Yielder } from "../../core/yielder.ts";
import type { Context } from "../../runtime/context.ts";
import type { BlockWatch } from "../calls/block-watch.ts";
import { origin } from "../calls/origin.ts";
import type { RunWatch } from "./run-watch.ts";
import { ScopeSends } from "../calls/scope-sends.ts";
import type { Scope } from "../calls/scope.ts";
import { TickSends } from "../calls/sends.ts";
import type { TickResult } from "./timer-state.ts";

/** What the run of a slot is made with. */
export interface TickParts {
  readonly context: Context<Scope>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly yielder?: Yielder;
  readonly blocks?: Pick<BlockWatch, "enter">;
  /** Told of each call of the function. */
  readonly runs: Pick<RunWatch, "began">;
  /** Tells of a send that came too late to fail its tick. */
  refused(sentence: string): void;
}

/** While it lasts, runs may begin and be written down. */
export interface TickScope {
  readonly epoch: number;
  /** Aborts when it is over; also when that is found by reading it. */
  readonly signal: AbortSignal;
  readonly clock: WallClock;
  /** What a run sends goes at once, by this; left out: when the run has ended, with its entry in the journal. */
  readonly send?: (record: OutgoingRecord) => Promise<void>;
  holds(): boolean;
}

type Slot = Pick<Tick, "slot" | "caughtUp" | "previous">;

/**
 * Runs a timer's function for one slot, again after a throw as its policy says. Gives how that ended, or undefined when
 * it outlived its term: then nothing of it counts, and the next master runs the slot.
 */
export async function runTick(
  timer: TimerDefinition,
  slot: Slot,
  scope: TickScope,
  parts: TickParts,
): Promise<TickResult | undefined> {
  const { name, policy, rule } = timer;
  const at = new Date(slot.slot).toISOString();
  const until = rule.next(slot.slot) ?? Infinity;
  for (let failures = 1;; failures++) {
    // Runs that follow each other and wait for nothing keep the event loop from its turn.
    const rest = parts.yielder?.due();
    if (rest) await rest;
    if (!scope.holds()) return undefined;
    const attempt = new Attempt(timer, slot, scope, parts);
    const left = parts.blocks?.enter(() => `timer ${name} at ${at}`);
    let error: unknown;
    try {
      const records = await attempt.run().finally(() => left?.());
      if (scope.holds()) return { ...slot, outcome: "ok", error: undefined, records };
      const lost = records.length > 0 ? ` its ${records.length} messages are not published.` : "";
      parts.logger[lost ? "warn" : "debug"](`Timer ${name} outlived this worker's mastership at ${at}:${lost}`, {
        slot: at,
      });
      return undefined;
    } catch (thrown) {
      error = thrown;
    }
    if (!scope.holds()) {
      parts.logger.warn(`Timer ${name} ended with this worker's mastership at ${at}: ${describeThrown(error)}`, {
        slot: at,
        ...codeField(error),
      });
      return undefined;
    }
    const pause = backoffMs(BACKOFF.timerRun, failures);
    const again = failures <= policy.retry && !attempt.expired && scope.clock.now() + pause < until;
    // Where our own error was made helps nobody.
    const what = attempt.expired ? messageOf(error) : describeThrown(error);
    const next = again ? ` Tried again in ${formatDuration(pause)}.` : "";
    parts.logger[again ? "warn" : "error"](`Timer ${name} failed at ${at}: ${what}${next}`, {
      slot: at,
      ...codeField(error),
    });
    if (!again) return { ...slot, outcome: "failed", error: messageOf(error), records: [] };
    await parts.sleep(pause, scope.signal);
    if (!scope.holds()) return undefined;
  }
}

/** One call of the function. */
class Attempt {
  readonly #timer: TimerDefinition;
  readonly #slot: Slot;
  readonly #scope: TickScope;
  readonly #parts: TickParts;
  /** Whether its timeout was over first. The function may still be running then: it cannot be stopped. */
  expired = false;

  constructor(timer: TimerDefinition, slot: Slot, scope: TickScope, parts: TickParts) {
    this.#timer = timer;
    this.#slot = slot;
    this.#scope = scope;
    this.#parts = parts;
  }

  /** What it sent, when it has ended. */
  async run(): Promise<readonly OutgoingRecord[]> {
    const { name, fn, policy: { timeout } } = this.#timer;
    const { context } = this.#parts;
    const { epoch, signal } = this.#scope;
    const { slot } = this.#slot;
    const timedOut = new AbortController();
    const limited = () => askingSignal(AbortSignal.any([signal, timedOut.signal]), () => void this.#scope.holds());
    const tick: Tick = {
      ...this.#slot,
      scheduledAt: new Date(slot),
      epoch,
      signal: timeout === undefined ? signal : limited(),
    };
    const sends = this.#sends();
    const about = { timer: name, slot: tick.scheduledAt.toISOString() };
    const run = async () => {
      try {
        await origin.run({ about, scope: sends }, async () => await fn(tick));
      } catch (error) {
        await sends.forget();
        throw error;
      }
      await sends.settle();
    };
    try {
      const ended = this.#parts.runs.began(slot);
      const call = context.run(sends, run);
      call.then(ended, ended);
      if (timeout === undefined) await call;
      else await this.#limited(call, timeout, timedOut);
      return sends instanceof TickSends ? sends.end() : [];
    } catch (error) {
      if (sends instanceof TickSends) sends.abandon(this.expired);
      throw error;
    } finally {
      if (sends instanceof ScopeSends) sends.end();
    }
  }

  #sends(): TickSends | ScopeSends {
    const { name } = this.#timer;
    const { clock, refused: report, sleep } = this.#parts;
    const { send } = this.#scope;
    if (send) return new ScopeSends({ name: `timer ${name}`, send, report });
    return new TickSends(name, () => this.#scope.holds(), report, new Pacer(clock, sleep));
  }

  async #limited(call: Promise<void>, timeout: number, timedOut: AbortController): Promise<void> {
    const { sleep } = this.#parts;
    const ended = new AbortController();
    const limit = sleep(timeout, ended.signal).then(() => {
      if (ended.signal.aborted) return;
      this.expired = true;
      const { name } = this.#timer;
      const error = new MephistoError(
        "TICK_TIMEOUT",
        `Timer ${name} took longer than its timeout of ${formatDuration(timeout)}.`,
      );
      timedOut.abort(error);
      throw error;
    });
    try {
      await Promise.race([call, limit]);
    } finally {
      ended.abort();
    }
  }
}
