import { aborted } from "../../core/aborted.ts";
import { summaryOf, type WorkSummary } from "../../core/master-work.ts";
import type { AppDefinition } from "../../core/definition.ts";
import type { Clock } from "../../core/clock.ts";
import { formatDuration } from "../../core/duration.ts";
import { MephistoError, messageOf } from "../../core/errors.ts";
import { journalTopic } from "../../core/journal-topic.ts";
import { codeField, type Logger, ROUTINE } from "../../core/logger.ts";
import { deadline, Pacer, type Sleep } from "../../core/delay.ts";
import type { FencedPublisher, JournalEntry, MasterLog } from "../../driver/master-log.ts";
import { firstSeen } from "./journal/first-seen.ts";
import { type Journal, masterEntry, type MasterRecord, replay, transactionalIdOf } from "./journal/journal.ts";
import { LongRuns } from "./journal/long-runs.ts";
import { MasterClock } from "./master-clock.ts";
import type { Term } from "./mastership.ts";
import { AwayLog } from "./transactions/away-log.ts";
import { SendBatcher, sendOfTask } from "./transactions/send-batcher.ts";
import { TransactionQueue } from "./transactions/transaction-queue.ts";
import type { TaskLoop } from "../tasks/task-loop.ts";
import { TermSignals } from "./term-signals.ts";
import { TickWriter } from "./transactions/tick-writer.ts";
import type { TimerLoop, TimerScope } from "../timers/timer-loop.ts";

/** A try of a topic that is away may hold others up for this part of a session. */
const TRIALS_A_SESSION = 4;
/** When nothing else was journalled for so long, the master's own entry is: it tells the time, and of a fence. */
const REFRESH_INTERVAL_MS = 60_000;

export interface MasterTermParts {
  readonly definition: Pick<AppDefinition, "id" | "actors">;
  readonly log: MasterLog;
  /** The id of the journal that was there when this worker started. */
  readonly journalId: string;
  readonly sessionTimeout: number;
  /** This one's name, and its script's version. */
  readonly worker: string;
  readonly version: string;
  /** The timers that run on the master. */
  readonly timers: readonly TimerLoop[];
  /** The tasks that do. */
  readonly tasks: readonly TaskLoop[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** The epoch that this worker has had last. */
  readonly ownEpoch: number | undefined;
  /** More of the journal has been read. */
  moved(): void;
  /** The epoch has been written. */
  begun(epoch: number): void;
}

/** What a worker that was elected is doing. */
export type Stage = "fencing" | "reading" | "waiting" | "beginning" | "active" | "over";

/** What a worker does from being elected to stepping down: fences, reads, writes its epoch, ticks. */
export class MasterTerm {
  readonly #term: Term;
  readonly #parts: MasterTermParts;
  readonly #time: MasterClock;
  readonly #signals: TermSignals;
  readonly #end: Promise<never>;
  readonly #fail: (error: unknown) => void;
  #stage: Stage = "fencing";
  #journal: Journal | undefined;
  #transactions: TransactionQueue | undefined;
  #longRuns: LongRuns | undefined;
  #record: MasterRecord | undefined;
  #appendedAt: number;
  #loggedSkew = false;
  /** Whether it ended since the clocks differ too much. */
  refused = false;

  constructor(term: Term, parts: MasterTermParts) {
    this.#term = term;
    this.#parts = parts;
    this.#signals = new TermSignals(term);
    this.#time = new MasterClock(parts.clock);
    this.#appendedAt = parts.clock.monotonic();
    const { promise, reject } = Promise.withResolvers<never>();
    this.#end = promise;
    this.#fail = reject;
    promise.catch(() => {}); // run() tells
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** 0 before it is written. */
  get epoch(): number {
    return this.#stage === "active" ? this.#record?.epoch ?? 0 : 0;
  }

  /** As it was found; undefined before it was read. */
  get journal(): Journal | undefined {
    return this.#journal;
  }

  /** What keeps the transaction in hand from being committed, or a timer from running. */
  get trouble(): string | undefined {
    return this.#transactions?.trouble ?? this.#parts.timers.map(({ trouble }) => trouble).find(Boolean);
  }

  /**
   * Since when, on the monotonic clock, something waits to be committed and nothing is, or every timer for the end of an
   * earlier run; undefined: all goes well. One timer that waits is no reason for another master.
   */
  get stuckSince(): number | undefined {
    if (this.#stage !== "active") return undefined;
    const blocked = this.#parts.timers.map(({ blockedSince }) => blockedSince ?? Infinity);
    const all = blocked.every((since) => since < Infinity) ? Math.min(...blocked) : Infinity;
    return this.#transactions?.busySince ?? (all < Infinity ? all : undefined);
  }

  /** Of the topic that has been away for longest, and `ms` at least: a sentence. */
  awayFor(ms: number): string | undefined {
    const now = this.#parts.clock.monotonic();
    const [longest] = this.#transactions?.awayTopics.toSorted((a, b) => a.since - b.since) ?? [];
    if (this.#stage !== "active" || longest === undefined || now - longest.since < ms) return undefined;
    const { topic, since, why } = longest;
    return `Topic ${topic} has taken nothing for ${formatDuration(Math.floor((now - since) / 1000) * 1000)}: ${why}`;
  }

  /**
   * Runs until the term is over. Throws what keeps it from it: `FENCED`, `JOURNAL_LOST`, `JOURNAL_UNUSABLE`,
   * `JOURNAL_BLOCKED`, `UNREACHABLE`, `PROTOCOL`, and an error of no code when the clocks differ too much.
   */
  async run(): Promise<void> {
    const { definition: { id }, log, logger, journalId, sessionTimeout } = this.#parts;
    const { holds, signal } = this.#term;
    const topic = journalTopic(id);
    const options = {
      transactionalId: transactionalIdOf(id),
      journal: topic,
      journalId,
      transactionTimeout: sessionTimeout,
    };
    let fenced: FencedPublisher | undefined;
    let why = "";
    try {
      fenced = await log.fence(options, holds);
      this.#stage = "reading";
      this.#journal = replay(await fenced.read(holds, this.#parts.moved), topic);
      await this.#waitForOlderLease(this.#journal.master);
      this.#stage = "beginning";
      await this.#begin(fenced, this.#journal);
      await Promise.race([this.#end, aborted(signal)]);
    } catch (error) {
      why = messageOf(error).replace(/\.$/, "");
      throw error;
    } finally {
      if (this.#stage === "active") {
        logger.info(`This worker is no longer master: ${this.#term.ended ?? why}.`, ROUTINE);
      }
      this.#stage = "over";
      this.#signals.end();
      fenced?.close();
    }
  }

  /**
   * Looks after what nobody else notices: another generation, which the journal has to know, or the next master would
   * take a lost group's for a later one; clocks that drift apart; a fence while nothing is published; runs that take long.
   */
  look(): void {
    if (this.#stage !== "active" || this.#record === undefined) return;
    this.#checkClock();
    this.#longRuns?.look(this.#parts.clock.monotonic());
    const { generation } = this.#term;
    const idle = this.#parts.clock.monotonic() - this.#appendedAt;
    // While only topics that are away are waited for, its own entry shows whether the rest works.
    const refresh = this.#transactions?.awayTopics.length ? this.#parts.sessionTimeout : REFRESH_INTERVAL_MS;
    if (generation === this.#record.generation && (idle < refresh || this.#transactions?.busySince !== undefined)) {
      return;
    }
    const before = this.#record;
    const record = this.#record = { ...before, generation };
    this.#writeOwn(record).catch(() => {
      // The term ends by it, or the next look tries again.
      if (this.#record === record) this.#record = before;
    });
  }

  /** No run begins any more, and tasks are told to end; what is in hand goes on for as long as the term lasts. */
  close(): void {
    this.#signals.close();
  }

  /**
   * The last transaction: says that nobody needs to wait for this worker's lease. What is still in hand is over before.
   * At most `ms`; never throws.
   */
  async resign(ms: number): Promise<void> {
    this.#signals.endRuns();
    if (this.#stage !== "active" || this.#record === undefined) return;
    this.#record = { ...this.#record, resigned: true };
    const written = this.#writeOwn(this.#record);
    await deadline(
      written.catch((error: unknown) => this.#parts.logger.debug(messageOf(error), codeField(error))),
      ms,
      this.#parts.sleep,
    );
  }

  /** A lost state of the group may have elected this worker while the last master's lease runs. */
  async #waitForOlderLease(last: MasterRecord | undefined): Promise<void> {
    const { clock, logger, ownEpoch, sessionTimeout, sleep } = this.#parts;
    const { electedIn, electedAt, signal, holds } = this.#term;
    if (last === undefined || last.resigned || last.epoch === ownEpoch || electedIn > last.generation) return;
    const wait = electedAt + sessionTimeout - clock.monotonic();
    if (wait <= 0) return;
    this.#stage = "waiting";
    logger.info(
      `Elected in generation ${electedIn}, not above ${last.generation} of the last master, ${last.worker}: the group's ` +
        `state was lost. Waiting for ${formatDuration(wait)}, since its lease may still be held.`,
    );
    await sleep(wait, signal);
    if (!holds()) throw over();
  }

  async #begin(fenced: FencedPublisher, journal: Journal): Promise<void> {
    const { begun, clock, logger, sleep, timers, version, worker } = this.#parts;
    const { generation } = this.#term;
    const away = new AwayLog(logger, clock);
    this.#transactions = new TransactionQueue({
      fenced,
      holds: () => this.#signals.holds(),
      signal: this.#signals.term,
      clock,
      sleep,
      appended: (time) => {
        this.#time.sync(time);
        this.#appendedAt = clock.monotonic();
      },
      lost: this.#fail,
      trialMs: this.#parts.sessionTimeout / TRIALS_A_SESSION,
      away: (topic, why) => away.log(topic, why),
    });
    const epoch = (journal.master?.epoch ?? 0) + 1;
    this.#record = { epoch, generation, worker, version, resigned: false, work: this.#work() };
    // A commit whose answer was lost says no time: by this machine's clock alone nothing may be written down or run.
    do {
      await this.#writeOwn(this.#record);
      if (!this.#signals.holds()) throw over();
    } while (!this.#time.isSet);
    this.#stage = "active";
    begun(epoch);
    logger.info(`This worker is master (epoch ${epoch}).`, ROUTINE);
    if (!this.#checkClock()) return;
    const { since, parts } = firstSeen(timers.map(({ timer }) => timer), journal, this.#time.now());
    for (const part of parts) await this.#writeEntries(part);
    if (!this.#signals.holds()) throw over();
    this.#longRuns = new LongRuns({ epoch, worker, timers, write: (entries) => this.#writeEntries(entries) }, journal);
    const scope = this.#timerScope(epoch, journal, since, this.#transactions);
    for (const loop of timers) loop.start(scope);
    this.#startTasks(epoch, this.#transactions);
  }

  /** For others to see what they have, and this master lacks. */
  #work(): WorkSummary {
    const { tasks, timers } = this.#parts;
    return summaryOf([
      ...timers.map(({ timer: { name, rule } }) => ({ name, rule: rule.text })),
      ...tasks.map(({ task: { name } }) => ({ name, rule: "task" })),
    ]);
  }

  async #writeOwn(record: MasterRecord | undefined): Promise<void> {
    if (record !== undefined) await this.#writeEntries([masterEntry(record)]);
  }

  async #writeEntries(journal: readonly JournalEntry[]): Promise<void> {
    await this.#transactions?.commit(() => ({ records: [], journal }));
  }

  /** Whether the clocks agree well enough. */
  #checkClock(): boolean {
    const { skewWarning } = this.#time;
    if (skewWarning?.refuses) {
      this.refused = true;
      this.#fail(new Error(skewWarning.sentence));
      return false;
    }
    if (skewWarning && !this.#loggedSkew) this.#parts.logger.warn(skewWarning.sentence);
    this.#loggedSkew ||= skewWarning !== undefined;
    return true;
  }

  #timerScope(
    epoch: number,
    journal: Journal,
    since: ReadonlyMap<string, number>,
    transactions: TransactionQueue,
  ): TimerScope {
    const { definition: { actors, id }, log, logger } = this.#parts;
    const writer = new TickWriter({ actors, transactions, epoch, logger });
    return {
      epoch,
      signal: this.#signals.ofTimers(),
      clock: this.#time,
      holds: () => this.#signals.mayPublish(),
      ready: () => this.#signals.mayBegin() && this.#checkClock(),
      recordOf: (timer) => journal.timers.get(timer),
      sinceOf: (timer) => since.get(timer),
      write: (timer, state, run) => writer.write(timer, state, run),
      // Also of those in the journal: an actor may have gone since, and nobody would ever commit.
      lag: (ends) => log.lag(id, writer.consumed(ends)),
    };
  }

  #startTasks(epoch: number, transactions: TransactionQueue): void {
    const { clock, sleep, tasks } = this.#parts;
    const batcher = new SendBatcher(transactions, epoch, new Pacer(clock, sleep));
    const holds = () => this.#signals.mayPublish();
    const signal = this.#signals.ofTasks();
    for (const loop of tasks) {
      loop.start({ epoch, signal, holds, send: sendOfTask(loop.task.name, epoch, batcher, holds) });
    }
  }
}

function over(): MephistoError {
  return new MephistoError("NOT_MASTER", "Mastership was over before it began.");
}
