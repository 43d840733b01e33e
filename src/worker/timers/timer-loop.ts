import type { TimerRecord } from "./timer-record.ts";
import { codeField, withFields } from "../../core/logger.ts";
import type { Context } from "../../runtime/context.ts";
import { messageOf } from "../../core/errors.ts";
import { beginning, droppedBefore, type Due, nextDue, type Progress } from "../../core/policy.ts";
import { spreadOf } from "../../core/spread.ts";
import type { Supervisor } from "../../core/supervisor.ts";
import type { TimerDefinition, TimerPolicy } from "../../core/timer.ts";
import { isOver, type PartitionOffset } from "../../driver/master-log.ts";
import { type RunningCall, RunWatch, WatchTicker } from "./run-watch.ts";
import { LogThrottle } from "../../core/log-throttle.ts";
import { type CutOff, inFlightFor, runAs, type Running } from "../calls/stop.ts";
import { SlotLog } from "./slot-log.ts";
import { runTick, type TickParts, type TickScope } from "./tick.ts";
import { type TickResult, TimerState } from "./timer-state.ts";

/** The longest sleep: a wall clock that is set is noticed, and no timer of the runtime overflows. */
const LONGEST_SLEEP_MS = 30_000;
/** So long before a slot it is looked again when that is: long timers of the runtimes are less exact. */
const CLOSE_TO_SLOT_MS = 15;
/** A wall clock that was ahead by more than this was wrong; one that is set back by less makes a timer wait. */
const WRONG_CLOCK_MS = 60_000;

/** While it lasts, a timer runs: a term of mastership, or the worker's life. */
export interface TimerScope extends TickScope {
  /** What the journal says of a timer; undefined: it has never run. */
  recordOf(timer: string): TimerRecord | undefined;
  /** Since when a timer's rule is known to be the one that it is; undefined, or left out: since now. */
  sinceOf?(timer: string): number | undefined;
  /** Whether a run may begin: it holds, and the time can be trusted. */
  ready(): boolean;
  /** Publishes what a run sent and writes down how it ended. Errors: when it could not be written down. */
  write(timer: TimerDefinition, state: TimerState, run: TickResult): Promise<void>;
  /** How many messages of before these offsets the actors have not committed. */
  lag(ends: readonly PartitionOffset[]): Promise<number>;
}

export interface TimerLoopParts extends Omit<TickParts, "refused" | "runs"> {
  /** This worker's name. */
  readonly worker: string;
  readonly supervisor: Supervisor;
  readonly calls?: Context<Running> | undefined;
  /** Looks at what is under way, for all timers of a worker; left out: one of its own does. */
  readonly ticker?: WatchTicker;
}

/** Runs a timer's function at its slots. */
export class TimerLoop implements Running {
  readonly timer: TimerDefinition;
  readonly state: TimerState;
  readonly #parts: TickParts;
  readonly #runs: RunWatch;
  readonly #supervisor: Supervisor;
  readonly #calls: Context<Running> | undefined;
  /** Functions that run: since when, on the monotonic clock. */
  readonly #inHand = new Set<{ readonly slot: number; readonly since: number }>();
  readonly #policy: TimerPolicy;
  /** Runs that are under way beside each other (`overlap: "allow"`). */
  readonly #inFlight = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #ticking: Promise<void> = Promise.resolve();
  readonly #log: SlotLog;
  #catchesUp = false;
  /** How far it has come in the term that lasts: a loop that is started again goes on from there. */
  #progress: Progress | undefined;
  #next: number | undefined;
  /** Since when it waits for the end of a run of an earlier term. */
  #waitsSince: number | undefined;
  #loops = 0;

  constructor(timer: TimerDefinition, parts: TimerLoopParts) {
    this.timer = timer;
    this.state = new TimerState(parts.worker, timer.rule);
    const { clock } = parts;
    const logger = withFields(parts.logger, { timer: timer.name });
    this.#supervisor = parts.supervisor;
    this.#calls = parts.calls;
    this.#runs = new RunWatch(timer, parts.ticker ?? new WatchTicker(parts.sleep, parts.supervisor), { logger, clock });
    this.#parts = {
      ...parts,
      logger,
      runs: this.#runs,
      refused: new LogThrottle((sentence) => logger.error(sentence), clock).log,
    };
    this.#log = new SlotLog(timer, logger, clock);
    // Where nothing is written down, nobody knows what was missed before.
    this.#policy = timer.onMaster ? timer.policy : { ...timer.policy, catchUp: "skip" };
  }

  /** The slot that is waited for, while a term lasts. */
  get next(): number | undefined {
    return this.#next;
  }

  /** The call of its function that has been running for longest, also of an earlier term. */
  get running(): RunningCall | undefined {
    return this.#runs.oldest;
  }

  /** Since when a run of an earlier term keeps it from running, on the monotonic clock. */
  get blockedSince(): number | undefined {
    return this.#waitsSince;
  }

  /** What keeps it from running: a part of a sentence. */
  get trouble(): string | undefined {
    if (this.#waitsSince === undefined) return undefined;
    return `a run of timer ${this.timer.name} that began in an earlier mastership has not ended, though its signal has aborted`;
  }

  /** Runs at every slot until the term is over. A run of an earlier term is waited for. */
  start(scope: TimerScope): void {
    if (this.#loops++ > 0) this.#waitsSince = this.#parts.clock.monotonic();
    const { name } = this.timer;
    const over = AbortSignal.any([scope.signal, this.#ended.signal]);
    const options = { signal: over, fields: { timer: name } };
    const loop = () => {
      this.#progress = undefined;
      return this.#supervisor.loop(`The loop of timer ${name}`, () => this.#loop(scope, over), options);
    };
    this.#running = this.#running.then(loop).finally(() => this.#loops--);
  }

  /** No new run begins; one that is under way may finish. */
  end(): void {
    this.#ended.abort();
    this.#runs.end();
  }

  /** Resolves when the function is not running, after `end`, or when all terms are over. */
  async idle(): Promise<void> {
    await this.#running;
    await Promise.all(this.#inFlight);
  }

  cutOff(): readonly CutOff[] {
    const { name: timer, onMaster } = this.timer;
    const now = this.#parts.clock.monotonic();
    const then = onMaster ? ": what it sent is not published, and the slot is left to the next master" : "";
    return [...this.#inHand].map(({ slot: ms, since }) => {
      const slot = new Date(ms).toISOString();
      return {
        what: `The run of timer ${timer} at ${slot} was ${inFlightFor(now - since)}${then}.`,
        fields: { timer, slot },
      };
    });
  }

  /** Resolves when the run that is under way has ended; the next one may begin right after. */
  async quiet(): Promise<void> {
    await Promise.all([this.#ticking, ...this.#inFlight]);
  }

  async #loop(scope: TimerScope, over: AbortSignal): Promise<void> {
    const { rule } = this.timer;
    const { clock } = scope;
    this.#waitsSince = undefined;
    this.#catchesUp = false;
    // Of a loop that has failed: what came of its last run is still being written down.
    if (this.#progress !== undefined) await this.#ticking;
    if (over.aborted) return;
    let progress = this.#progress ?? this.#beginning(scope);
    try {
      while (!over.aborted) {
        // Thousands of timers begin, wake, or are written down in the same moment.
        const rest = this.#parts.yielder?.inLine();
        if (rest) await rest;
        if (over.aborted) return;
        progress = this.#progress = this.#inTime(progress, clock.now());
        const now = clock.now();
        const due = nextDue(rule, this.#policy, progress, now);
        if (due === undefined) return;
        if (due.skipped > 0) this.#missed(due, progress, now);
        else if (due.caughtUp && !this.#catchesUp) this.#log.late(due.slot);
        this.#catchesUp = due.caughtUp;
        progress = this.#progress = { ...progress, after: Math.max(progress.after, due.slot - 1) };
        this.#next = due.slot;
        if (await this.#sleepTowards(due.slot, scope, over)) continue;
        const before = progress;
        progress = { ...progress, after: due.slot };
        if (await this.#unconsumed(due, scope)) continue;
        await this.#spread(due.slot, scope, over);
        if (over.aborted || !scope.ready()) return;
        const run = this.#run(due, scope);
        this.#progress = progress;
        if (this.#policy.overlap === "allow") this.#track(run.written);
        else {
          this.#ticking = run.written.catch(() => {}); // this loop hears of it
          const ended = await run.ended.catch((fault: unknown) => {
            this.#progress = before; // nothing of it is published
            throw fault;
          });
          progress = this.#progress = this.#covered(progress, due, run.began, ended);
          await run.written;
        }
      }
    } finally {
      this.#next = undefined;
    }
  }

  /** Where it begins in a term. */
  #beginning(scope: TimerScope): Progress {
    const { name, onMaster, rule } = this.timer;
    const now = scope.clock.now();
    if (onMaster) this.state.begin(scope.recordOf(name));
    const known = { last: this.state.position, since: scope.sinceOf?.(name) };
    const progress = this.#progress = beginning(rule, this.#policy, now, known);
    this.#logWhenAhead(progress.after - now);
    return progress;
  }

  /** Sleeps, if it is not time yet, for some of the time that is left, and gives whether it did. */
  async #sleepTowards(slot: number, { clock }: TimerScope, over: AbortSignal): Promise<boolean> {
    const left = slot - clock.now();
    if (left <= 0) return false;
    await this.#parts.sleep(
      left > 2 * CLOSE_TO_SLOT_MS ? Math.min(left - CLOSE_TO_SLOT_MS, LONGEST_SLEEP_MS) : left,
      over,
    );
    return true;
  }

  async #spread(slot: number, scope: TimerScope, over: AbortSignal): Promise<void> {
    const { spread } = this.#policy;
    if (spread === 0) return;
    const at = slot + spreadOf(this.timer.name, slot, spread);
    while (!over.aborted && await this.#sleepTowards(at, scope, over));
  }

  /** Begins a run; `ended` gives when the function was over, `written` resolves when what came of it is kept. */
  #run(due: Due, scope: TimerScope): { began: number; ended: Promise<number>; written: Promise<void> } {
    const { last } = this.state;
    const previous = last && { slot: last.slot, outcome: last.outcome };
    const began = scope.clock.now();
    const inHand = { slot: due.slot, since: this.#parts.clock.monotonic() };
    this.#inHand.add(inHand);
    const slot = { slot: due.slot, caughtUp: due.caughtUp, previous };
    const result = runAs(this.#calls, this, () => runTick(this.timer, slot, scope, this.#parts))
      .finally(() => this.#inHand.delete(inHand));
    const ended = result.then(() => scope.clock.now());
    const written = result.then((run) => run && this.#write(run, scope));
    for (const promise of [ended, written]) promise.catch(() => {}); // whoever waits for one of them hears of it
    return { began, ended, written };
  }

  async #write(run: TickResult, scope: TimerScope): Promise<void> {
    const { name } = this.timer;
    const at = new Date(run.slot).toISOString();
    try {
      await scope.write(this.timer, this.state, run);
      this.#parts.logger.debug(`Timer ${name} ran for ${at}: ${run.records.length} messages published.`, { slot: at });
    } catch (error) {
      this.#parts.logger[isOver(error) ? "warn" : "error"](
        `The run of timer ${name} at ${at} is not written down, and is left to the next master: ${messageOf(error)}`,
        { slot: at, ...codeField(error) },
      );
    }
  }

  #track(run: Promise<void>): void {
    const supervised = this.#supervisor.once(`A run of timer ${this.timer.name}`, () => run);
    this.#inFlight.add(supervised);
    void supervised.then(() => this.#inFlight.delete(supervised));
  }

  /** The slots that came while the function was running. While older ones are caught up, they wait behind these. */
  #covered(progress: Progress, { slot }: Due, began: number, ended: number): Progress {
    const { rule } = this.timer;
    if (this.#policy.overlap === "queue" || rule.count(slot, began) > 0) return progress;
    const skipped = rule.count(began, ended);
    if (skipped === 0) return progress;
    this.state.skip(skipped);
    this.#log.took(ended - began, skipped);
    return { ...progress, after: Math.max(progress.after, ended) };
  }

  /** With `untilConsumed`: whether the actors still have to do with what the last tick sent. */
  async #unconsumed({ slot }: Due, scope: TimerScope): Promise<boolean> {
    const ends = this.state.last?.ends;
    if (this.#policy.overlap !== "untilConsumed" || ends === undefined) return false;
    let why: string;
    try {
      const behind = await scope.lag(ends);
      if (behind === 0) return false;
      why = `the actors have not committed ${behind} messages of the last tick`;
    } catch (error) {
      why = `nobody knows whether the last tick's messages are consumed: ${messageOf(error)}`;
    }
    this.state.skip(1);
    this.#log.skips(slot, why);
    return true;
  }

  #missed({ slot, skipped, caughtUp }: Due, progress: Progress, now: number): void {
    this.state.skip(skipped);
    this.#log.missed(slot, skipped, caughtUp, droppedBefore(slot, this.timer.rule, this.#policy, progress, now));
  }

  /**
   * On the worker's own clock: one that was ahead, and has been set right, must not keep the timer silent until it is as
   * late again. Beyond a minute, and two slots, it begins anew. The master's timers run by the log's clock and journal.
   */
  #inTime(progress: Progress, now: number): Progress {
    const ahead = progress.after - now;
    if (this.timer.onMaster || ahead <= WRONG_CLOCK_MS || this.timer.rule.count(now, progress.after) < 2) {
      return progress;
    }
    this.#log.setBack(ahead);
    this.state.forget();
    return { after: now, begun: now };
  }

  #logWhenAhead(ahead: number): void {
    if (!this.timer.onMaster || ahead <= WRONG_CLOCK_MS) return;
    const { last, position } = this.state;
    const why = last?.label !== undefined && position !== last.slot
      ? `${last.worker} has run it for ${last.label}, which by the time zone data of this runtime has not come yet`
      : "the journal has run it for a time that has not come yet, since a clock was ahead";
    this.#log.waits(ahead, why);
  }
}
