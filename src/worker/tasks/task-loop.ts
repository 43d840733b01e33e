import { askingSignal } from "../../core/asking-signal.ts";
import { BACKOFF, backoffMs } from "../../core/backoff.ts";
import type { Clock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import { describeThrown, MephistoError } from "../../core/errors.ts";
import { codeField, type Logger, withFields } from "../../core/logger.ts";
import type { Sleep } from "../../core/delay.ts";
import { LogThrottle } from "../../core/log-throttle.ts";
import type { Supervisor } from "../../core/supervisor.ts";
import type { TaskDefinition, TaskRun } from "../../core/task.ts";
import type { OutgoingRecord } from "../../driver/driver.ts";
import type { Yielder } from "../../core/yielder.ts";
import type { Context } from "../../runtime/context.ts";
import type { BlockWatch } from "../calls/block-watch.ts";
import { origin } from "../calls/origin.ts";
import { ScopeSends } from "../calls/scope-sends.ts";
import type { Scope } from "../calls/scope.ts";
import { type CutOff, inFlightFor, runAs, type Running } from "../calls/stop.ts";

/** After it has run for so long the next pause is the first again. */
const STABLE_AFTER_MS = 60_000;

/** While it lasts, a task runs: a term of mastership, or the worker's life. */
export interface TaskScope {
  /** 0 on every worker. */
  readonly epoch: number;
  readonly signal: AbortSignal;
  /** Whether it lasts: a signal's event may come late in a process that was frozen. Aborts it when not. */
  holds(): boolean;
  /** How what the task sends goes. */
  send(record: OutgoingRecord): Promise<void>;
}

export interface TaskLoopParts {
  readonly context: Context<Scope>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly supervisor: Supervisor;
  readonly yielder?: Yielder;
  readonly blocks?: Pick<BlockWatch, "enter">;
  readonly calls?: Context<Running> | undefined;
}

/** Keeps a task running. */
export class TaskLoop implements Running {
  readonly task: TaskDefinition;
  readonly #parts: TaskLoopParts;
  readonly #ended = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Since when its function runs, on the monotonic clock. */
  #since: number | undefined;
  /** Tells, seldom, of sends that nobody waits for: a task may go on for ever. */
  readonly #report: (sentence: string) => void;
  /** How often it has thrown. */
  failed = 0;

  constructor(task: TaskDefinition, parts: TaskLoopParts) {
    this.task = task;
    const logger = withFields(parts.logger, { task: task.name });
    this.#parts = { ...parts, logger };
    this.#report = new LogThrottle((sentence) => logger.error(sentence), parts.clock).log;
  }

  /** Whether its function runs. */
  get running(): boolean {
    return this.#since !== undefined;
  }

  /** Runs until the term is over; what still runs of an earlier term is waited for: never two at once. */
  start(scope: TaskScope): void {
    const { name } = this.task;
    const options = { signal: AbortSignal.any([scope.signal, this.#ended.signal]), fields: { task: name } };
    const loop = () => this.#parts.supervisor.loop(`The loop of task ${name}`, () => this.#loop(scope), options);
    this.#running = this.#running.then(loop);
  }

  /** Aborts its signal; it may still send what it has in hand. */
  end(): void {
    this.#ended.abort(new MephistoError("STOPPED", "The worker is stopping: end."));
  }

  /** Resolves when its function does not run any more. */
  idle(): Promise<void> {
    return this.#running;
  }

  cutOff(): readonly CutOff[] {
    if (this.#since === undefined) return [];
    const { name: task } = this.task;
    const ran = inFlightFor(this.#parts.clock.monotonic() - this.#since);
    return [{ what: `Task ${task} was ${ran}, and has not ended though its signal has aborted.`, fields: { task } }];
  }

  async #loop({ epoch, signal, holds, send }: TaskScope): Promise<void> {
    const { name } = this.task;
    const { clock, logger, sleep } = this.#parts;
    const asking = askingSignal(AbortSignal.any([signal, this.#ended.signal]), () => void holds());
    const run: TaskRun = { epoch, signal: asking };
    let failures = 0;
    while (!run.signal.aborted) {
      if (!holds()) return;
      const began = clock.monotonic();
      try {
        await this.#run(run, send);
        logger.debug(`Task ${name} has returned.`);
        return;
      } catch (error) {
        if (run.signal.aborted) {
          return logger.debug(`Task ${name} has ended: ${describeThrown(error)}`, codeField(error));
        }
        this.failed++;
        failures = clock.monotonic() - began >= STABLE_AFTER_MS ? 1 : failures + 1;
        logger.error(
          `Task ${name} failed: ${describeThrown(error)} Started again in ${
            formatDuration(backoffMs(BACKOFF.task, failures))
          }.`,
          codeField(error),
        );
      }
      await sleep(backoffMs(BACKOFF.task, failures), run.signal);
    }
  }

  async #run(run: TaskRun, send: TaskScope["send"]): Promise<void> {
    const { blocks, calls, clock, context, yielder } = this.#parts;
    const fn = async () => await this.task.fn(run);
    const name = `task ${this.task.name}`;
    const sends = new ScopeSends({ name, send, report: this.#report, reportsAtOnce: true });
    const call = () => origin.run({ about: { task: this.task.name }, scope: sends }, () => runAs(calls, this, fn));
    const rest = yielder?.due();
    if (rest) await rest;
    const left = blocks?.enter(() => name);
    this.#since = clock.monotonic();
    try {
      await context.run(sends, call);
      await sends.settle();
    } catch (error) {
      await sends.forget();
      throw error;
    } finally {
      sends.end();
      this.#since = undefined;
      left?.();
    }
  }
}
