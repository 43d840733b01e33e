import type { Clock } from "../../../core/clock.ts";
import { describeThrown, errorCodeOf, isRetriable, MephistoError, messageOf } from "../../../core/errors.ts";
import { BACKOFF, backoffMs } from "../../../core/backoff.ts";
import { isOver, TopicRefused, TopicsAway } from "../../../driver/master-log.ts";
import { type AwayQueue, AwayTopics } from "./away-topics.ts";
import type { Part } from "./transaction-part.ts";
import { TransactionRunner, type TransactionRunnerParts } from "./transaction-runner.ts";
import { Bounds, prepare, type Taken, type Waiting } from "./waiting-part.ts";

/** The most that waits for one topic that is away; what comes then is refused. */
const LANE_BYTES = 64 << 20;
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
  readonly lane?: AwayQueue<Taken>;
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
        const lane = this.#away.queueOf(waiting.part);
        if (lane) this.#defer(waiting, lane);
        else if (!bounds.takes(waiting)) break;
        else taken.push(waiting);
      }
      seen++;
      if (bounds.full) break;
    }
    this.#waiting.splice(0, seen);
    return taken;
  }

  #defer(waiting: Taken, lane: AwayQueue<Taken>): void {
    const { bytes, state } = waiting;
    if (state === "open" && bytes > 0 && lane.bytes + bytes > LANE_BYTES) {
      const sentence = `More than ${LANE_BYTES >> 20} MiB wait for topic ${lane.topic}: ${lane.why}`;
      return waiting.reject(new MephistoError("BUFFER_FULL", sentence));
    }
    if (state === "open") this.#mark(waiting, "away");
    this.#away.add(waiting, lane);
  }

  /** Tries what waits for a topic that is away, if it is time; else waits until it is, or something else is to be done. */
  async #tryAway(): Promise<void> {
    const { clock, holds, signal, sleep } = this.#parts;
    const lane = this.#away.next;
    if (lane === undefined) return;
    if (!holds()) {
      const over = new MephistoError("NOT_MASTER", "This worker is no longer master.");
      for (const { reject } of this.#away.clear()) reject(over);
      return;
    }
    const began = clock.monotonic();
    const tryAt = Math.max(lane.tryAt, this.#restUntil);
    if (tryAt > began) {
      if (this.#waiting.length > 0) return;
      this.#rest = new AbortController();
      await sleep(tryAt - began, AbortSignal.any([signal, this.#rest.signal]));
      this.#rest = undefined;
      return;
    }
    const bounds = new Bounds(lane.atOnce);
    const until = lane.waiting.findIndex((each) => bounds.full || !bounds.takes(each));
    const tried = lane.waiting.splice(0, until < 0 ? lane.waiting.length : until);
    for (const each of tried) this.#away.removed(each, lane);
    const { failures } = lane;
    try {
      if (tried.length > 0) await this.#publish(tried, { lane });
    } catch (fault) {
      for (const each of tried) if (each.state === "away") this.#away.add(each, lane); // they hear of it with the others
      throw fault;
    }
    const now = clock.monotonic();
    if (lane.failures === failures) {
      if (tried.length === 0 && this.#away.isWrittenElsewhere(lane)) {
        lane.tryAt = now + BACKOFF.awayTopic.longestMs; // that waits for another topic first
        return;
      }
      lane.failures = 0;
      lane.atOnce *= 2;
      if (lane.waiting.length > 0) return;
      this.#away.close(lane);
      return this.#parts.away?.(lane.topic, undefined);
    }
    lane.atOnce = 1;
    lane.tryAt = now + backoffMs(BACKOFF.awayTopic, lane.failures);
    this.#restUntil = now + REST * (now - began);
  }

  async #publish(taken: readonly Taken[], way: CommitOptions): Promise<void> {
    const { decided = false, lane } = way;
    try {
      await this.#runner.run(taken.map(({ part }) => part), decided, lane && this.#parts.trialMs);
    } catch (error) {
      return await this.#failed(taken, error, way);
    }
    for (const { done, resolve } of taken) {
      done?.();
      resolve();
    }
  }

  /** Only the culprit is to fail. Where it is not known it is looked for in halves, in which everybody keeps his place. */
  async #failed(taken: readonly Taken[], error: unknown, way: CommitOptions): Promise<void> {
    if (error instanceof TopicsAway || way.lane && isRetriable(error)) return await this.#areAway(taken, error, way);
    const refused = new Set(taken.filter(({ part }) => isRefused(part, error, taken.length)));
    for (const { reject } of refused) reject(error);
    const left = taken.filter((each) => !refused.has(each));
    const middle = refused.size === 0 ? left.length >> 1 : 0;
    for (const some of [left.slice(0, middle), left.slice(middle)]) {
      const free = some.filter((each) => !this.#follows(each));
      if (free.length > 0) await this.#publish(free, { ...way, decided: errorCodeOf(error) === "PROTOCOL" });
    }
  }

  /** Whether earlier runs of its timer have had to wait meanwhile, behind which it waits then too. */
  #follows(each: Taken): boolean {
    const lane = this.#away.queueOfTimer(each.part);
    // What waits there and came later says nothing: it is behind this one.
    const isBehind = lane?.waiting.some(({ order, part }) => part.timer === each.part.timer && order < each.order);
    if (lane && isBehind) this.#defer(each, lane);
    return isBehind === true;
  }

  /** What writes to topics that are away waits in their lanes, with what else there is of the same timers; the rest goes on. */
  async #areAway(taken: readonly Taken[], error: unknown, { lane: tried, ...way }: CommitOptions): Promise<void> {
    const why = messageOf(error);
    const now = this.#parts.clock.monotonic();
    const topics = error instanceof TopicsAway ? error.topics : undefined;
    for (const { part } of taken) {
      for (const { topic } of part.records) if (topics?.has(topic)) this.#away.open(topic, why, now);
    }
    const culprits = new Map(taken.flatMap((each) => {
      const lane = topics ? this.#away.queueAmong(topics, each.part, tried) : tried;
      return lane ? [[each, lane]] : [];
    }));
    if (culprits.size === 0) throw new Error("topics are away that none of these writes to");
    const byTimer = new Map<string, AwayQueue<Taken>>();
    for (const [{ part: { timer } }, lane] of culprits) {
      if (timer !== undefined && !byTimer.has(timer)) byTimer.set(timer, lane);
    }
    const rest: Taken[] = [];
    for (const each of taken) {
      const { timer } = each.part;
      const lane = (timer === undefined ? undefined : byTimer.get(timer)) ?? culprits.get(each);
      if (lane) this.#defer(each, lane);
      else rest.push(each);
    }
    for (const lane of topics ? this.#away.queues.filter(({ topic }) => topics.has(topic)) : tried ? [tried] : []) {
      lane.why = why;
      lane.failures++;
      if (lane !== tried) lane.tryAt = now + backoffMs(BACKOFF.awayTopic, lane.failures);
      this.#parts.away?.(lane.topic, why);
    }
    if (rest.length > 0) await this.#publish(rest, tried ? { ...way, lane: tried } : way);
  }
}

/** Whether it is this one, of so many, that an error means; false also if that is not known. */
function isRefused({ records }: Part, error: unknown, of: number): boolean {
  if (of === 1 || isOver(error)) return true;
  return error instanceof TopicRefused && records.some(({ topic }) => topic === error.topic);
}
