import type { Clock } from "../../../core/clock.ts";
import { describeThrown, errorCodeOf, isRetriable, MephistoError, messageOf } from "../../../core/errors.ts";
import { BACKOFF, backoffMs } from "../../../core/backoff.ts";
import { isOver, TopicRefused, TopicsAway } from "../../../driver/master-log.ts";
import { type AwayQueue, AwayTopics } from "./away-topics.ts";
import type { Part } from "./transaction-part.ts";
import { TransactionRunner, type TransactionRunnerParts } from "./transaction-runner.ts";
import { Bounds, prepare, type Taken, type Waiting } from "./waiting-part.ts";

/** The most that waits for one topic that is away; what comes then is refused. */
const AWAY_TOPIC_BYTES = 64 << 20;
/** A try that takes long is followed by so many times as long a pause: others have four fifths of the time. */
const REST = 4;

export interface TransactionQueueParts extends TransactionRunnerParts {
  readonly clock: Clock;
  /** How long a try of what waits for a topic that is away may hold up the others, in ms. */
  readonly trialMs: number;
  /** Told of each failure of a topic that is away, and, with nothing, when all that waited for it is committed. */
  away?(topic: string, why: string | undefined): void;
}

/** How some are taken to the log. */
interface CommitOptions {
  /** What only may pass has been waited for. */
  readonly decided?: boolean;
  /** They have waited for a topic that is away, and are tried briefly. */
  readonly queue?: AwayQueue<Taken>;
}

/**
 * Commits what the ticks, the tasks and the master of one term have to publish. While one transaction is under way the
 * others gather, and go together when it is done; if what one of them wrote is refused, only that one fails; if it goes to a
 * topic that takes nothing at the moment, only what goes there waits.
 */
export class TransactionQueue {
  readonly #parts: TransactionQueueParts;
  readonly #runner: TransactionRunner;
  readonly #away = new AwayTopics<Taken>();
  #waiting: Waiting[] = [];
  /** How many wait or are under way, but for those of topics that are away; and since when nothing has come of any. */
  #open = 0;
  #busySince: number | undefined;
  #running = false;
  #orders = 0;
  /** Until then nothing that waits for a topic is tried: the time is the others', however many topics are away. */
  #restUntil = -Infinity;
  /** Ends the pause until something is to be tried again. */
  #rest: AbortController | undefined;

  constructor(parts: TransactionQueueParts) {
    this.#parts = parts;
    this.#runner = new TransactionRunner(parts);
  }

  /**
   * Since when something waits and nothing has been committed, or refused, on the monotonic clock; undefined when nothing
   * waits. However many wait, and for how long: as long as transactions are committed it gets on. What waits for a topic
   * that is away does not count: another master could do nothing for it.
   */
  get busySince(): number | undefined {
    return this.#busySince;
  }

  /** What keeps the transaction in hand from being committed. */
  get trouble(): string | undefined {
    return this.#runner.trouble;
  }

  /** The topics that are away and waited for, with the moment on the monotonic clock since when, and why. */
  get awayTopics(): readonly Pick<AwayQueue<unknown>, "topic" | "since" | "why">[] {
    return this.#away.queues;
  }

  /**
   * Commits what `prepare` gives when its turn has come, unless that is nothing; `done` is called when it is committed,
   * before anything else is made up. What was given first stands first, but for what passes a topic that is away.
   *
   * Errors: `NOT_MASTER`, `FENCED`, `JOURNAL_LOST`: whether it was committed the journal says to the next master. Any
   * other: nothing of it was or will be published.
   */
  commit(prepare: () => Part | undefined, done?: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#open++;
    this.#busySince ??= this.#parts.clock.monotonic();
    const waiting: Waiting = {
      prepare,
      done,
      resolve: () => (this.#mark(waiting, "settled"), resolve()),
      reject: (error) => (this.#mark(waiting, "settled"), reject(error)),
      part: undefined,
      bytes: 0,
      order: this.#orders++,
      state: "open",
    };
    this.#waiting.push(waiting);
    this.#rest?.abort();
    if (!this.#running) void this.#run();
    return promise;
  }

  #mark(waiting: Waiting, state: Waiting["state"]): void {
    if (waiting.state === "open") this.#open--;
    waiting.state = state;
    this.#busySince = this.#open > 0 ? this.#parts.clock.monotonic() : undefined;
  }

  async #run(): Promise<void> {
    this.#running = true;
    let taken: Taken[] = [];
    try {
      // Who is ready in this same moment goes with the first.
      await Promise.resolve();
      while (this.#waiting.length > 0 || this.#away.size > 0) {
        taken = this.#take();
        if (taken.length > 0) await this.#publish(taken, {});
        taken = [];
        await this.#tryAway();
      }
    } catch (error) {
      // None of this throws as long as our code is right. The term ends by it, and is begun anew.
      const sentence = `Publishing has failed, which is a fault of Mephisto: ${describeThrown(error)}.`;
      const fault = new MephistoError("INTERNAL", sentence, { cause: error });
      for (const { reject } of [...taken, ...this.#away.clear(), ...this.#waiting.splice(0)]) reject(fault);
      this.#parts.lost(fault);
    } finally {
      this.#running = false;
    }
  }

  /** The next that go together. */
  #take(): Taken[] {
    const taken: Taken[] = [];
    const bounds = new Bounds();
    let seen = 0;
    for (const waiting of this.#waiting) {
      if (prepare(waiting)) {
        const queue = this.#away.queueOf(waiting.part);
        if (queue) this.#defer(waiting, queue);
        else if (!bounds.takes(waiting)) break;
        else taken.push(waiting);
      }
      seen++;
      if (bounds.full) break;
    }
    this.#waiting.splice(0, seen);
    return taken;
  }

  #defer(waiting: Taken, queue: AwayQueue<Taken>): void {
    const { bytes, state } = waiting;
    if (state === "open" && bytes > 0 && queue.bytes + bytes > AWAY_TOPIC_BYTES) {
      const sentence = `More than ${AWAY_TOPIC_BYTES >> 20} MiB wait for topic ${queue.topic}: ${queue.why}`;
      return waiting.reject(new MephistoError("BUFFER_FULL", sentence));
    }
    if (state === "open") this.#mark(waiting, "away");
    this.#away.add(waiting, queue);
  }

  /** Tries what waits for a topic that is away, if it is time; else waits until it is, or something else is to be done. */
  async #tryAway(): Promise<void> {
    const { clock, holds, signal, sleep } = this.#parts;
    const queue = this.#away.next;
    if (queue === undefined) return;
    if (!holds()) {
      const over = new MephistoError("NOT_MASTER", "This worker is no longer master.");
      for (const { reject } of this.#away.clear()) reject(over);
      return;
    }
    const began = clock.monotonic();
    const tryAt = Math.max(queue.tryAt, this.#restUntil);
    if (tryAt > began) {
      if (this.#waiting.length > 0) return;
      this.#rest = new AbortController();
      await sleep(tryAt - began, AbortSignal.any([signal, this.#rest.signal]));
      this.#rest = undefined;
      return;
    }
    const bounds = new Bounds(queue.atOnce);
    const until = queue.waiting.findIndex((each) => bounds.full || !bounds.takes(each));
    const tried = queue.waiting.splice(0, until < 0 ? queue.waiting.length : until);
    for (const each of tried) this.#away.removed(each, queue);
    const { failures } = queue;
    try {
      if (tried.length > 0) await this.#publish(tried, { queue });
    } catch (fault) {
      for (const each of tried) if (each.state === "away") this.#away.add(each, queue); // they hear of it with the others
      throw fault;
    }
    const now = clock.monotonic();
    if (queue.failures === failures) {
      if (tried.length === 0 && this.#away.isWrittenElsewhere(queue)) {
        queue.tryAt = now + BACKOFF.awayTopic.longestMs; // that waits for another topic first
        return;
      }
      queue.failures = 0;
      queue.atOnce *= 2;
      if (queue.waiting.length > 0) return;
      this.#away.close(queue);
      return this.#parts.away?.(queue.topic, undefined);
    }
    queue.atOnce = 1;
    queue.tryAt = now + backoffMs(BACKOFF.awayTopic, queue.failures);
    this.#restUntil = now + REST * (now - began);
  }

  async #publish(taken: readonly Taken[], options: CommitOptions): Promise<void> {
    const { decided = false, queue } = options;
    try {
      await this.#runner.run(taken.map(({ part }) => part), decided, queue && this.#parts.trialMs);
    } catch (error) {
      return await this.#failed(taken, error, options);
    }
    for (const { done, resolve } of taken) {
      done?.();
      resolve();
    }
  }

  /** Only the culprit is to fail. Where it is not known it is looked for in halves, in which everybody keeps his place. */
  async #failed(taken: readonly Taken[], error: unknown, options: CommitOptions): Promise<void> {
    if (error instanceof TopicsAway || options.queue && isRetriable(error)) {
      return await this.#areAway(taken, error, options);
    }
    const refused = new Set(taken.filter(({ part }) => isRefused(part, error, taken.length)));
    for (const { reject } of refused) reject(error);
    const left = taken.filter((each) => !refused.has(each));
    const middle = refused.size === 0 ? left.length >> 1 : 0;
    for (const some of [left.slice(0, middle), left.slice(middle)]) {
      const free = some.filter((each) => !this.#follows(each));
      if (free.length > 0) await this.#publish(free, { ...options, decided: errorCodeOf(error) === "PROTOCOL" });
    }
  }

  /** Whether earlier runs of its timer have had to wait meanwhile, behind which it waits then too. */
  #follows(each: Taken): boolean {
    const queue = this.#away.queueOfTimer(each.part);
    // What waits there and came later says nothing: it is behind this one.
    const isBehind = queue?.waiting.some(({ order, part }) => part.timer === each.part.timer && order < each.order);
    if (queue && isBehind) this.#defer(each, queue);
    return isBehind === true;
  }

  /** What writes to topics that are away waits in their queues, with what else there is of the same timers; the rest goes on. */
  async #areAway(taken: readonly Taken[], error: unknown, { queue: tried, ...options }: CommitOptions): Promise<void> {
    const why = messageOf(error);
    const now = this.#parts.clock.monotonic();
    const topics = error instanceof TopicsAway ? error.topics : undefined;
    for (const { part } of taken) {
      for (const { topic } of part.records) if (topics?.has(topic)) this.#away.open(topic, why, now);
    }
    const culprits = new Map(taken.flatMap((each) => {
      const queue = topics ? this.#away.queueAmong(topics, each.part, tried) : tried;
      return queue ? [[each, queue]] : [];
    }));
    if (culprits.size === 0) throw new Error("topics are away that none of these writes to");
    const byTimer = new Map<string, AwayQueue<Taken>>();
    for (const [{ part: { timer } }, queue] of culprits) {
      if (timer !== undefined && !byTimer.has(timer)) byTimer.set(timer, queue);
    }
    const rest: Taken[] = [];
    for (const each of taken) {
      const { timer } = each.part;
      const queue = (timer === undefined ? undefined : byTimer.get(timer)) ?? culprits.get(each);
      if (queue) this.#defer(each, queue);
      else rest.push(each);
    }
    for (const queue of topics ? this.#away.queues.filter(({ topic }) => topics.has(topic)) : tried ? [tried] : []) {
      queue.why = why;
      queue.failures++;
      if (queue !== tried) queue.tryAt = now + backoffMs(BACKOFF.awayTopic, queue.failures);
      this.#parts.away?.(queue.topic, why);
    }
    if (rest.length > 0) await this.#publish(rest, tried ? { ...options, queue: tried } : options);
  }
}

/** Whether it is this one, of so many, that an error means; false also if that is not known. */
function isRefused({ records }: Part, error: unknown, of: number): boolean {
  if (of === 1 || isOver(error)) return true;
  return error instanceof TopicRefused && records.some(({ topic }) => topic === error.topic);
}
