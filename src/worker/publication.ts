import type { Clock } from "../core/clock.ts";
import { describeThrown, MephistoError } from "../core/errors.ts";
import { TopicRefused } from "../driver/master-log.ts";
import { sizeOf } from "./sends.ts";
import type { Part } from "./transaction-part.ts";
import { codeOf, isOver, TransactionRunner, type TransactionRunnerParts } from "./transaction-runner.ts";

/** The most that goes together: so many parts, and so many bytes unless one part alone has more. */
const SHARED_PARTS = 1000;
const SHARED_BYTES = 4 << 20;

export interface PublicationParts extends TransactionRunnerParts {
  readonly clock: Clock;
}

interface Waiting {
  readonly prepare: () => Part | undefined;
  readonly done: (() => void) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Once it is prepared. */
  part: Part | undefined;
}

/** One that goes now. */
type Taken = Waiting & { readonly part: Part };

/**
 * Commits what the ticks, the tasks and the master of one term have to publish. While one transaction is under way the
 * others gather, and go together when it is done; if what one of them wrote is refused, only that one fails.
 */
export class Publication {
  readonly #runner: TransactionRunner;
  readonly #lost: (error: MephistoError) => void;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  /** How many wait or are under way, and since when nothing has come of any of them. */
  #open = 0;
  #busySince: number | undefined;
  #running = false;

  constructor(parts: PublicationParts) {
    this.#runner = new TransactionRunner(parts);
    this.#lost = parts.lost;
    this.#clock = parts.clock;
  }

  /**
   * Since when something waits and nothing has been committed, or refused, on the monotonic clock; undefined when nothing
   * waits. However many wait, and for how long: as long as transactions are committed it gets on.
   */
  get busySince(): number | undefined {
    return this.#busySince;
  }

  /** What keeps the transaction in hand from being committed. */
  get trouble(): string | undefined {
    return this.#runner.trouble;
  }

  /**
   * Commits what `prepare` gives when its turn has come, unless that is nothing; `done` is called when it is committed,
   * before anything else is made up. What was given first stands first.
   *
   * Errors: `NOT_MASTER`, `FENCED`, `JOURNAL_LOST`: whether it was committed the journal says to the next master. Any
   * other: nothing of it was or will be published.
   */
  commit(prepare: () => Part | undefined, done?: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#open++;
    this.#busySince ??= this.#clock.monotonic();
    let settled = false;
    const settle = () => {
      if (settled) return;
      settled = true;
      this.#open--;
      this.#busySince = this.#open > 0 ? this.#clock.monotonic() : undefined;
    };
    this.#waiting.push({
      prepare,
      done,
      resolve: () => (settle(), resolve()),
      reject: (error) => (settle(), reject(error)),
      part: undefined,
    });
    if (!this.#running) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    let taken: Taken[] = [];
    try {
      // Who is ready in this same moment goes with the first.
      await Promise.resolve();
      while (this.#waiting.length > 0) {
        taken = this.#take();
        if (taken.length > 0) await this.#publish(taken, false);
      }
    } catch (error) {
      // None of this throws as long as our code is right. The term ends by it, and is begun anew.
      const sentence = `Publishing has failed, which is a fault of Mephisto: ${describeThrown(error)}.`;
      const fault = new MephistoError("INTERNAL", sentence, { cause: error });
      for (const { reject } of [...taken, ...this.#waiting.splice(0)]) reject(fault);
      this.#lost(fault);
    } finally {
      this.#running = false;
    }
  }

  /** The next that go together. */
  #take(): Taken[] {
    const taken: Taken[] = [];
    let seen = 0, bytes = 0;
    for (const waiting of this.#waiting) {
      if (prepare(waiting)) {
        const { part } = waiting;
        bytes += part.records.reduce((sum, record) => sum + sizeOf(record), 0);
        if (taken.length > 0 && (part.alone || bytes > SHARED_BYTES)) break;
        taken.push(waiting);
      }
      seen++;
      if (taken.length === SHARED_PARTS || taken[0]?.part.alone) break;
    }
    this.#waiting.splice(0, seen);
    return taken;
  }

  /** `decided`: what only may pass has been waited for. */
  async #publish(taken: readonly Taken[], decided: boolean): Promise<void> {
    try {
      await this.#runner.run(taken.map(({ part }) => part), decided);
    } catch (error) {
      return await this.#failed(taken, error);
    }
    for (const { done, resolve } of taken) {
      done?.();
      resolve();
    }
  }

  /** Only the culprit is to fail. Where it is not known it is looked for in halves, in which everybody keeps his place. */
  async #failed(taken: readonly Taken[], error: unknown): Promise<void> {
    const refused = new Set(taken.filter(({ part }) => isRefused(part, error, taken.length)));
    for (const { reject } of refused) reject(error);
    const left = taken.filter((each) => !refused.has(each));
    const middle = refused.size === 0 ? left.length >> 1 : 0;
    for (const some of [left.slice(0, middle), left.slice(middle)]) {
      if (some.length > 0) await this.#publish(some, codeOf(error) === "PROTOCOL");
    }
  }
}

/** Prepares it, once; gives whether there is anything to be committed. */
function prepare(waiting: Waiting): waiting is Taken {
  if (waiting.part) return true;
  try {
    waiting.part = waiting.prepare();
    if (waiting.part) return true;
    waiting.resolve();
  } catch (error) {
    waiting.reject(error);
  }
  return false;
}

/** Whether it is this one, of so many, that an error means; false also if that is not known. */
function isRefused({ records }: Part, error: unknown, of: number): boolean {
  if (of === 1 || isOver(error)) return true;
  return error instanceof TopicRefused && records.some(({ topic }) => topic === error.topic);
}
