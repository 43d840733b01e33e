import type { ActorDefinition, OutgoingMessage } from "../core/actor.ts";
import type { AppDefinition } from "../core/definition.ts";
import { systemClock } from "../core/clock.ts";
import { formatDuration, milliseconds } from "../core/duration.ts";
import { isRetriable, MephistoError, messageOf } from "../core/errors.ts";
import { journalTopic } from "../core/journal-topic.ts";
import { codeField, guarded, type Logger, silent, withFields } from "../core/logger.ts";
import { Outage } from "../core/outage.ts";
import { BACKOFF, Backoff } from "../core/backoff.ts";
import { deadline, delay, Pacer, startTimer } from "../core/delay.ts";
import { redact } from "../core/redact.ts";
import type { Driver, OutgoingRecord } from "../driver/driver.ts";
import { context } from "../runtime/context.ts";
import { variableNames, variables } from "../runtime/env.ts";
import { eventLoopTurn } from "../runtime/turn.ts";
import { runtime, workerId, zoneRelease } from "../runtime/info.ts";
import { writeError } from "../runtime/stderr.ts";
import { connect } from "./connect.ts";
import { type Journal, replay } from "./master/journal/journal.ts";
import { origin } from "./calls/origin.ts";
import { encodeMessage } from "./calls/encode-message.ts";
import { askToResign, type Handover } from "./resign.ts";
import type { Scope } from "./calls/scope.ts";
import { resolveSettings, SETTING_VARIABLES, type WorkerSettings } from "./settings.ts";
import type { RunningWorker } from "./status.ts";
import type { Running } from "./calls/stop.ts";
import { checkVariables, PREFIX } from "./variables.ts";
import { Watch } from "./watch.ts";
import { Worker } from "./worker.ts";

/** Makes the log that an app's settings name. */
export type MakeDriver = (definition: Definition, settings: WorkerSettings, logger: Logger) => Driver;

type Definition = Omit<AppDefinition, "runtime">;

/** How long what was sent may take to be acknowledged when a program that only sends is stopped. */
const CLOSE_TIMEOUT_MS = 5000;

/** A first send that has had no answer for so long says so. */
const REPORT_AFTER_MS = 900;

/** How long a first send looks for a broker. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * An app in this process: what it sends through, and the worker if one runs. Connects when something is first sent, or
 * when a worker is started.
 */
export class Program {
  readonly #definition: Definition;
  readonly #makeDriver: MakeDriver;
  readonly #context = context<Scope>();
  /** The program's own logger, if it has one. */
  readonly #logger: Logger | undefined;
  #driver: Driver | undefined;
  #worker: RunningWorker | undefined;
  readonly #calls = context<Running>();
  #stopping: Promise<void> | undefined;
  #stopped = false;
  /** How often it was told to stop. */
  #stops = 0;
  readonly #outage: Outage;
  readonly #turns = new Pacer(systemClock);
  /** The address that it was opened with. */
  #url: WorkerSettings["url"] | undefined;
  readonly #ensured = new Set<string>();
  readonly #ensuring = new Map<string, Promise<void>>();

  constructor(definition: Definition, makeDriver: MakeDriver) {
    this.#definition = definition;
    this.#makeDriver = makeDriver;
    const { id, options: { logger } } = definition;
    this.#logger = logger && withFields(guarded(logger, writeError), { app: id });
    this.#outage = new Outage(this.#logger ?? onStandardError(id), systemClock);
  }

  /**
   * Sends through the tick or the handler that is running, or else at once. `settings`: those of a command line. Whatever a
   * handler, timer or task of any app starts is its own, so that it is waited for, and a failure is nobody else's.
   */
  send(actor: ActorDefinition, message: OutgoingMessage<unknown, unknown>, settings?: WorkerSettings): Promise<void> {
    const own = this.#context.get();
    let sending: Promise<void>;
    try {
      const record = encodeMessage(actor, message, systemClock.wall());
      if (own) return own.send(record);
      sending = this.#sendAtOnce(actor, record, settings);
    } catch (error) {
      sending = this.#turns.refusal(error);
    }
    const scope = own ?? origin.get()?.scope;
    return scope ? scope.adopt(sending) : sending;
  }

  #sendAtOnce(actor: ActorDefinition, record: OutgoingRecord, settings?: WorkerSettings): Promise<void> {
    if (this.#stopped) throw new MephistoError("STOPPED", `App ${this.#definition.id} has been stopped.`);
    const driver = this.#driver ??= this.#open(
      settings ?? this.#settings(),
      this.#logger ?? onStandardError(this.#definition.id),
    );
    if (this.#ensured.has(record.topic)) return driver.publisher.send(record);
    return this.#ensure(driver, actor).then(() => driver.publisher.send(record));
  }

  /** The first send to an actor creates its topic if no worker has done so yet: what is sent before waits there. */
  #ensure(driver: Driver, { topic, partitions }: ActorDefinition): Promise<void> {
    let ensuring = this.#ensuring.get(topic);
    if (ensuring === undefined) {
      const spec = { topic, partitions, replicationFactor: this.#definition.options.replicationFactor ?? -1 };
      ensuring = patiently(() => driver.ensureTopics([spec]), (why) => this.#waits(topic, why)).then(() => {
        this.#ensured.add(topic);
        this.#outage.over("Kafka answers");
      }).finally(() => this.#ensuring.delete(topic));
      this.#ensuring.set(topic, ensuring);
    }
    return ensuring;
  }

  /** Says that a send waits for a broker; a worker of this process says so itself. */
  #waits(topic: string, why: string | undefined): void {
    if (this.#worker) return;
    const { value = "", from = "" } = this.#url ?? {};
    this.#outage.failed(
      `${
        why ?? `${redact(value)} has not answered yet.`
      } What is sent to ${topic} waits for it. The address is from ${from}.`,
      {},
      `Trying again for ${formatDuration(CONNECT_TIMEOUT_MS)}.`,
    );
  }

  /** Makes a worker; nothing is connected before it is started. `advice`: as in `WorkerParts`. */
  worker(settings: WorkerSettings, logger: Logger, advice = ""): RunningWorker {
    if (this.#worker) {
      throw new MephistoError("INVALID_OPTION", `App ${this.#definition.id} has a worker in this process already.`);
    }
    const driver = this.#driver ??= this.#open(settings, logger);
    const { name, version } = runtime();
    return this.#worker = new Worker({
      definition: this.#definition,
      settings,
      driver,
      context: this.#context,
      calls: this.#calls,
      logger,
      clock: systemClock,
      sleep: delay,
      eventLoopTurn,
      random: Math.random,
      worker: settings.name.value ?? workerId(),
      runtime: `${name} ${version}`,
      zoneRelease: zoneRelease(),
      url: redact(settings.url.value),
      advice,
      watch: watchOf(settings, logger),
    });
  }

  /**
   * Does what a worker does before it joins its group: connects, and sees to the topics. `close` with `stop`. Errors: those
   * of starting.
   */
  async tryOut(settings: WorkerSettings, logger: Logger, advice = ""): Promise<void> {
    const driver = this.#driver ??= this.#open(settings, logger);
    const parts = { definition: this.#definition, settings, driver, logger, advice };
    const never = new AbortController().signal;
    await connect({ ...parts, clock: systemClock, sleep: delay, random: Math.random }, never);
  }

  /**
   * What the app's masters have written down, as one that joins nothing sees it; undefined: nothing yet. `close` with
   * `stop`. Errors: `UNREACHABLE`, also when no broker has answered within `timeoutMs` ms, `JOURNAL_UNUSABLE` and others.
   */
  async journal(settings: WorkerSettings, timeoutMs: number): Promise<Journal | undefined> {
    const driver = this.#driver ??= this.#open(settings, this.#logger ?? silent);
    const topic = journalTopic(this.#definition.id);
    try {
      const entries = await deadline(driver.master.readJournal(topic), timeoutMs);
      if (entries) return replay(entries, topic);
    } catch (error) {
      if (error instanceof MephistoError && error.code === "UNKNOWN_TOPIC") return undefined;
      throw error;
    }
    const address = redact(settings.url.value);
    throw new MephistoError("UNREACHABLE", `${address} has not answered within ${formatDuration(timeoutMs)}.`);
  }

  /** Asks the app's master to let another worker be it; `close` with `stop`. Errors: `UNREACHABLE` and those of joining. */
  resign(settings: WorkerSettings): Promise<Handover> {
    const driver = this.#driver ??= this.#open(settings, this.#logger ?? silent);
    const { name, version } = runtime();
    const about = { worker: workerId(), runtime: `${name} ${version}` };
    return askToResign({ driver, group: this.#definition.id, settings, about, sleep: delay });
  }

  /**
   * Runs a worker inside a program of one's own; `terminal` is its logger when the app has none of its own. Errors:
   * `STOPPED` when `stop` was called before it was done, and those of starting.
   */
  async start(terminal: Logger): Promise<void> {
    const stops = this.#stops;
    await this.#stopping;
    this.#refuseStopped(stops);
    this.#stopped = false;
    const logger = this.#logger ?? withFields(terminal, { app: this.#definition.id });
    const worker = this.worker(this.#settings(), logger);
    try {
      await worker.start();
      this.#refuseStopped(stops);
    } catch (error) {
      await this.stop();
      throw error;
    }
    void worker.failed.then(async (error) => {
      if (this.#worker !== worker || this.#stopped) return;
      logger.error(`The worker has ended: ${messageOf(error)}`, codeField(error));
      await this.stop();
    });
  }

  /**
   * Ends the worker, or what was opened for sending. Sends are refused afterwards, until the app is started again. Inside
   * of a handler, a timer or a task it resolves as the worker's does.
   */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#stops++;
    const worker = this.#worker;
    const stopping = this.#stopping ??= this.#stopAll().finally(() => {
      this.#stopping = this.#driver = this.#worker = undefined;
    });
    return worker && this.#calls.get() ? Promise.race([stopping, worker.stop()]) : stopping;
  }

  async #stopAll(): Promise<void> {
    if (this.#worker) {
      void this.#worker.stop();
      await this.#worker.stopped;
    } else {
      await this.#driver?.close(CLOSE_TIMEOUT_MS).catch((error: unknown) => {
        this.#logger?.error(`Closing failed: ${messageOf(error)}`, codeField(error));
      });
    }
  }

  /** Throws if it was told to stop since. */
  #refuseStopped(stops: number): void {
    if (stops === this.#stops) return;
    throw new MephistoError("STOPPED", `App ${this.#definition.id} was stopped while it started.`);
  }

  #settings(): WorkerSettings {
    checkVariables(variableNames(PREFIX));
    return resolveSettings(this.#definition.options, { flags: {}, env: variables(SETTING_VARIABLES) });
  }

  #open(settings: WorkerSettings, logger: Logger): Driver {
    this.#url = settings.url;
    return this.#makeDriver(this.#definition, settings, logger);
  }
}

/** Unless it is off. */
function watchOf({ presence: { value, from }, evictOn }: WorkerSettings, logger: Logger): Watch | undefined {
  return value === undefined ? undefined : new Watch({ bind: { value, from }, evictOn: evictOn.value, logger });
}

/** Tries what waiting may mend again, for a while. */
async function patiently<T>(attempt: () => Promise<T>, waits: (why: string | undefined) => void): Promise<T> {
  const until = performance.now() + CONNECT_TIMEOUT_MS;
  const backoff = new Backoff(BACKOFF.sender);
  const hasAnswered = startTimer(REPORT_AFTER_MS, () => waits(undefined));
  try {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!isRetriable(error)) throw error;
        if (performance.now() > until) throw notSent(error);
        waits(error.message);
        await delay(backoff.next());
      }
    }
  } finally {
    hasAnswered();
  }
}

function notSent(cause: MephistoError): MephistoError {
  const tried = `The message has not been sent: it was tried for ${formatDuration(CONNECT_TIMEOUT_MS)}.`;
  return new MephistoError(cause.code, `${cause.message} ${tried}`, { cause });
}

/** What a program that only sends, and has no logger, is told all the same: that a broker or a topic is away, or back. */
function onStandardError(id: string): Logger {
  const tell = (message: string) => writeError(`mephisto ${id}: ${message}`);
  return { debug() {}, info: tell, warn: tell, error: tell };
}

/** What the publisher's options are, from the app's. Errors: `INVALID_DURATION`. */
export function lingerOf(definition: Definition): number {
  return milliseconds(definition.options.linger ?? 0, "linger");
}
