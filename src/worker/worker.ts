import { aborted } from "../core/aborted.ts";
import type { ActorDefinition } from "../core/actor.ts";
import { ByteBudget } from "../core/byte-budget.ts";
import { formatDuration } from "../core/duration.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import { codeField, ROUTINE } from "../core/logger.ts";
import { Turns, within } from "../core/pause.ts";
import { Supervisor } from "../core/supervisor.ts";
import { Yielder } from "../core/yielder.ts";
import type {
  Generation,
  MemberListener,
  Membership,
  MissingTopic,
  Publisher,
  Record,
  ZoneData,
} from "../driver/driver.ts";
import { ActorLoop } from "./actors/actor-loop.ts";
import { BlockWatch } from "./calls/block-watch.ts";
import { connect, connectAnew, masterWork } from "./connect.ts";
import { DeadLetters } from "./dead-letters/dead-letters.ts";
import { keepInFile, keepNothing } from "./dead-letters/file.ts";
import { everyWorkersSpan } from "./timers/every-worker.ts";
import { Forecast } from "./timers/forecast.ts";
import { Master } from "./master/master.ts";
import { Mastership, type Term } from "./master/mastership.ts";
import { describePartitions } from "./partitions.ts";
import { WatchTicker } from "./timers/run-watch.ts";
import { type RunningWorker, type TimerStatus, timerStatus, type WorkerStatus } from "./status.ts";
import { Callers, type Running } from "./calls/stop.ts";
import { TaskLoop } from "./tasks/task-loop.ts";
import { TimerLoop } from "./timers/timer-loop.ts";
import { WorkWatch } from "./work-watch.ts";
import type { WorkerParts } from "./worker-parts.ts";
import { zonesOf, ZoneWatch } from "./zones.ts";

/** What is left of the time to stop for flushing, committing, leaving and closing, when nothing more is waited for; and at most. */
const [LAST_STEPS, LAST_STEPS_MS] = [1 / 5, 2000];
/** How long a handler, timer or task that has called `stop()` itself may take to end, before that resolves, in ms. */
const CALLER_GRACE_MS = 1000;
/** How long a master may take to write that it has resigned, in ms. */
const RESIGN_ENTRY = 200;
/** If what is in hand takes longer than this, the rest is handed over before it is finished, in ms. */
const RESIGN_AFTER = 100;
/** How long a static member waits until the group has heard that it resigns, in ms. */
const RESIGN_WITHIN = 1000;
/** A worker without partitions says so when it has had none for so long, in ms. */
const IDLE_AFTER = 3000;

/** A worker: its place in the group, its actors, its timers, and mastership. */
export class Worker implements RunningWorker {
  readonly failed: Promise<Error>;
  readonly stopped: Promise<void>;
  readonly #parts: WorkerParts;
  readonly #supervisor: Supervisor;
  readonly #actors: Map<string, ActorLoop>;
  readonly #timers: TimerLoop[];
  readonly #forecast = new Forecast();
  /** What handlers, and what every worker runs, send through. */
  readonly #publisher: Pick<Publisher, "send">;
  readonly #yielder: Yielder;
  readonly #tasks: TaskLoop[];
  readonly #blocks: BlockWatch;
  readonly #budget: ByteBudget;
  readonly #zones: ZoneData | undefined;
  readonly #zoneWatch: ZoneWatch;
  readonly #workWatch: WorkWatch;
  readonly #since: Date;
  /** It is told to stop: nothing begins. */
  readonly #halt = new AbortController();
  /** What every worker runs is over: its time to stop is. */
  readonly #over = new AbortController();
  readonly #callers = new Callers();
  readonly #fail: (error: Error) => void;
  readonly #end: () => void;
  #state: WorkerStatus["state"] = "starting";
  #membership: Membership | undefined;
  #mastership: Mastership | undefined;
  #master: Master | undefined;
  #generation: Generation | undefined;
  #clusterId = "";
  #partitionCounts: ReadonlyMap<string, number> = new Map();
  #idle = new AbortController();
  #told = false;
  #standsDown = false;
  #handsOver = false;
  /** Stopping, it hands its partitions over one by one. */
  #drains = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    const { clock, definition, driver } = parts;
    this.#since = new Date(clock.wall());
    this.#zones = zonesOf(definition.timers.values(), parts.zoneRelease ?? "", clock.wall());
    this.#zoneWatch = new ZoneWatch(this.#zones, parts.logger);
    this.#workWatch = new WorkWatch(masterWork(definition), parts.logger);
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failed = promise;
    this.#fail = resolve;
    const supervisor = this.#supervisor = new Supervisor({ ...parts, failed: resolve });
    const yielder = this.#yielder = new Yielder(clock, parts.eventLoopTurn, parts.sleep);
    const sessionTimeout = parts.settings.sessionTimeout.value;
    const blocks = this.#blocks = new BlockWatch({ ...parts, yielder, sessionTimeout });
    const budget = this.#budget = new ByteBudget(parts.settings.bufferMemory.value);
    const loopParts = { ...parts, troubles: driver.troubles, supervisor, yielder, blocks, budget };
    const folder = parts.settings.deadLetterDir.value;
    const deadLetters = new DeadLetters({
      ...parts,
      replicationFactor: definition.options.replicationFactor ?? -1,
      keep: folder === undefined ? keepNothing : keepInFile(folder),
      signal: this.#over.signal,
    });
    const turns = new Turns(clock, parts.sleep);
    const { publisher } = driver;
    const { signal: over } = this.#over;
    // What goes on behind a handler, a timer or a task that has ended would keep what is flushed from its end.
    const send = (record: Record) => over.aborted ? turns.refusal(over.reason) : publisher.send(record);
    this.#publisher = { send };
    const mayHaveLost = () => this.#membership?.lease.holds() === false;
    const loop = (actor: ActorDefinition) =>
      new ActorLoop(actor, { ...loopParts, mayHaveLost, publisher: this.#publisher, deadLetters });
    this.#actors = new Map([...definition.actors.values()].map((actor) => [actor.topic, loop(actor)]));
    const ticker = new WatchTicker(parts.sleep, supervisor);
    this.#timers = [...definition.timers.values()].map((timer) => new TimerLoop(timer, { ...loopParts, ticker }));
    this.#tasks = [...definition.tasks.values()].map((task) => new TaskLoop(task, loopParts));
    const stopped = Promise.withResolvers<void>();
    this.stopped = stopped.promise;
    this.#end = stopped.resolve;
  }

  async start(): Promise<void> {
    const { clock, definition, driver, logger, settings, sleep, watch, worker, runtime } = this.#parts;
    const { signal } = this.#halt;
    if (signal.aborted) return;
    // One attempt to connect may take long; stopping does not wait for it.
    const connected = await Promise.race([connect(this.#parts, signal), aborted(signal)]);
    if (connected === undefined || signal.aborted) return;
    const presence = await watch?.listen();
    if (signal.aborted) return watch?.close();
    const { journal } = connected;
    this.#partitionCounts = connected.partitionCounts;
    this.#clusterId = connected.clusterId;
    const over = this.#over.signal;
    void this.#supervisor.loop("The watch over blocked event loops", () => this.#blocks.run(over), { signal: over });
    for (const actor of this.#actors.values()) actor.start();
    const everyWorker = everyWorkersSpan(clock, over, this.#publisher);
    for (const loop of this.#timers) if (!loop.timer.onMaster) loop.start(everyWorker);
    for (const loop of this.#tasks) if (!loop.task.onMaster) loop.start(everyWorker);
    const membership = this.#membership = driver.join({
      group: definition.id,
      topics: [...this.#actors.keys()],
      profile: {
        worker,
        runtime,
        version: settings.version.value,
        timers: masterWork(definition),
        ...(this.#zones && { zones: this.#zones }),
        mayBeMaster: settings.master.value,
        presence,
      },
      instanceId: settings.instanceId.value,
      sessionTimeout: settings.sessionTimeout.value,
      heartbeatInterval: settings.heartbeatInterval.value,
      supervisor: this.#supervisor,
      budget: this.#budget,
    }, this.#listener());
    const master = this.#master = journal && new Master({
      ...this.#parts,
      supervisor: this.#supervisor,
      troubles: driver.troubles,
      log: driver.master,
      journalId: journal.id,
      journalAnew: async () => {
        const anew = await connectAnew(this.#parts, this.#clusterId, over);
        if (anew) this.#clusterId = anew.clusterId;
        return anew?.journal?.id;
      },
      sessionTimeout: settings.sessionTimeout.value,
      version: settings.version.value,
      timers: this.#timers.filter(({ timer }) => timer.onMaster),
      tasks: this.#tasks.filter(({ task }) => task.onMaster),
      standDown: (why) => void this.#supervisor.once("Standing down", () => this.#standDown(why)),
    });
    const begin = (term: Term) => master?.begin(term);
    const missesMaster = () => master !== undefined && this.#stopping === undefined;
    this.#mastership = new Mastership(membership.lease, begin, logger, clock, sleep, {
      missesMaster,
      supervisor: this.#supervisor,
    });
    watch?.follow(membership);
    await Promise.race([membership.ready(), aborted(signal)]);
    if (this.#state === "starting") this.#state = "running";
  }

  stop(): Promise<void> {
    const stopping = this.#stopping ??= this.#stopAll();
    const caller = this.#parts.calls?.get();
    if (caller === undefined) return stopping;
    const { sleep } = this.#parts;
    const others = this.#callers.othersIdle(caller, this.#running()).then(() =>
      within(stopping, CALLER_GRACE_MS, sleep)
    );
    return Promise.race([stopping, others]);
  }

  ready(): boolean {
    return this.#unready() === undefined;
  }

  /** Why it is not ready: a sentence. */
  #unready(): string | undefined {
    const { clock, settings } = this.#parts;
    const membership = this.#membership;
    if (this.#state === "stopping" || this.#state === "stopped") return "The worker is stopping.";
    const { reason } = this.#parts.driver.troubles;
    if (reason !== undefined) return reason;
    if (this.#state === "starting" || membership === undefined) {
      return membership?.trouble ?? "The worker has not joined its group yet.";
    }
    if (!membership.joined) return membership.trouble ?? "The worker is not in its group at the moment.";
    const silence = clock.monotonic() - membership.lastContact;
    if (silence >= settings.sessionTimeout.value) {
      return "The worker has not heard from Kafka for longer than a session.";
    }
    return this.#supervisor.trouble ?? this.#missingTopic()?.why ?? this.#master?.trouble;
  }

  /** One of the actors' topics that is gone. */
  #missingTopic(): MissingTopic | undefined {
    return this.#parts.driver.missingTopics.find(({ topic }) => this.#actors.has(topic));
  }

  async prepareStatus(): Promise<void> {
    const rules = this.#timers.map(({ timer }) => timer.rule);
    await this.#forecast.prepare(rules, this.#parts.clock.wall(), () => this.#yielder.due());
  }

  status(): WorkerStatus {
    const { clock, definition, driver, runtime, settings, url, worker } = this.#parts;
    const lastContact = this.#membership?.lastContact ?? -Infinity;
    const lease = this.#membership?.lease.left() ?? 0;
    const unready = this.#unready();
    const timersOf = () =>
      timerStatus(this.#timers, this.#master?.journal, clock.wall(), this.#forecast, this.#workWatch);
    let timers: readonly TimerStatus[] | undefined;
    return {
      app: definition.id,
      worker,
      runtime,
      version: settings.version.value,
      state: this.#state,
      ready: unready === undefined,
      reason: unready ?? null,
      since: this.#since.toISOString(),
      troubles: driver.troubles.all.map(({ name, reason, retriable, since }) => {
        return { name, reason, lasts: Math.round(clock.monotonic() - since), retriable };
      }),
      url,
      group: {
        joined: this.#membership?.joined ?? false,
        generation: this.#generation?.generation ?? 0,
        members: this.#generation?.members ?? 0,
        lastContact: Number.isFinite(lastContact) ? Math.round(clock.monotonic() - lastContact) : null,
      },
      mastership: {
        master: this.#reigns(),
        elected: this.#mastership?.elected ?? null,
        epoch: this.#master?.epoch ?? 0,
        stage: this.#mastership?.master ? this.#master?.stage ?? "reigning" : null,
        gaveUp: this.#master?.gaveUp ?? 0,
        lease: lease > 0 ? Math.round(lease) : null,
      },
      buffers: { held: this.#budget.held, limit: this.#budget.limit },
      actors: [...this.#actors.values()].map(({ actor: { name, topic }, partitions, counts }) => ({
        name,
        topic,
        partitions,
        ...counts,
      })),
      // Of thousands it takes long to say when they come next, and most who ask want to know something else.
      get timers() {
        return timers ??= timersOf();
      },
      tasks: this.#tasks.map(({ task: { name, onMaster }, running, failed }) => ({ name, onMaster, running, failed })),
    };
  }

  /** Whether it is master, and has begun. */
  #reigns(): boolean {
    return this.#mastership?.master === true && (this.#master === undefined || this.#master.epoch > 0);
  }

  #listener(): MemberListener {
    const { logger } = this.#parts;
    return {
      claim: () => this.#mastership?.claim() ?? 0,
      generation: (generation) => {
        const first = this.#generation === undefined;
        this.#generation = generation;
        const workers = `${generation.members} ${generation.members === 1 ? "worker" : "workers"}`;
        const line = `Joined group ${this.#parts.definition.id}: generation ${generation.generation}, ${workers}, ` +
          `master ${generation.master ?? "nobody"}.`;
        if (first) logger.info(line, ROUTINE);
        else logger.debug(line);
        if (generation.master !== undefined && !generation.elected) this.#master?.relieved();
        this.#zoneWatch.look(generation);
        this.#workWatch.look(generation);
        this.#mastership?.generation(generation);
        this.#parts.watch?.generation(generation);
        this.#master?.look();
        if (generation.resignAsked) void this.#supervisor.once("The handover", () => this.#handOver());
        this.#watchIdle();
      },
      expelled: () => {
        this.#generation = undefined;
        this.#mastership?.expelled();
        if (this.#state === "running") {
          logger.warn("The group has expelled this worker, which was silent for too long. It joins again.");
        }
      },
      assigned: (partitions) => {
        for (const { topic, partition } of partitions) this.#actors.get(topic)?.assigned(partition);
        if (partitions.length > 0) logger.info(`Gained ${describePartitions(partitions)}.`, ROUTINE);
        this.#idle.abort();
      },
      revoked: async (partitions) => {
        await Promise.all(partitions.map(({ topic, partition }) => this.#actors.get(topic)?.revoked(partition)));
      },
      handedOver: (partitions) => {
        if (partitions.length === 0) return;
        logger.info(`Gave up ${describePartitions(partitions)}.`, ROUTINE);
        if (this.#drains) this.#parts.watch?.changed();
      },
      lost: (partitions) => {
        for (const { topic, partition } of partitions) this.#actors.get(topic)?.lost(partition);
        logger.warn(`Lost ${describePartitions(partitions)}: what was in hand may be handled again by another worker.`);
      },
      deliver: (delivery) => {
        const actor = this.#actors.get(delivery.topic);
        if (actor) actor.deliver(delivery);
        else delivery.close();
      },
      failed: this.#fail,
    };
  }

  /** Lets another worker be master, between two runs of the timers. */
  async #handOver(): Promise<void> {
    if (this.#handsOver || this.#halt.signal.aborted) return;
    this.#handsOver = true;
    const { settings, sleep } = this.#parts;
    this.#master?.close();
    const timers = this.#timers.filter(({ timer }) => timer.onMaster);
    const tasks = this.#tasks.filter(({ task }) => task.onMaster);
    const done = Promise.all([...timers.map((loop) => loop.quiet()), ...tasks.map((loop) => loop.idle())]);
    await within(done, settings.stopTimeout.value, sleep);
    // Else the stop does it.
    if (!this.#halt.signal.aborted) {
      this.#cutOff([...timers, ...tasks]);
      await this.#master?.resign(RESIGN_ENTRY);
      await this.#standDown("another worker is asked for");
    }
    this.#handsOver = false;
  }

  /** Is master no longer, and lets the group elect another. */
  async #standDown(why: string): Promise<void> {
    const [membership, mastership] = [this.#membership, this.#mastership];
    if (membership === undefined || mastership === undefined || this.#standsDown) return;
    this.#standsDown = true;
    try {
      await mastership.standDown(why, () => {
        const over = membership.standDown();
        this.#parts.watch?.changed();
        return over;
      });
    } catch (error) {
      this.#parts.logger.debug(`Standing down failed: ${messageOf(error)}`, codeField(error));
    }
    this.#standsDown = false;
  }

  /** A worker that goes without says so, once, when others have had the time to hand over. */
  #watchIdle(): void {
    this.#idle.abort();
    if (this.#told || this.#halt.signal.aborted || this.#actors.size === 0 || this.#hasPartitions()) return;
    const { signal } = this.#idle = new AbortController();
    void this.#supervisor.once("The look for partitions", async () => {
      await this.#parts.sleep(IDLE_AFTER, signal);
      if (signal.aborted || this.#hasPartitions() || this.#state !== "running") return;
      if (this.#missingTopic()) return; // which says why
      this.#told = true;
      const counts = [...this.#partitionCounts].map(([topic, count]) => `${topic} has ${count}`).join(", ");
      this.#parts.logger.info(
        `No partition for this worker: ${counts}, for ${this.#generation?.members ?? 0} workers. It stands by.`,
        ROUTINE,
      );
    }, { signal });
  }

  #hasPartitions(): boolean {
    return [...this.#actors.values()].some(({ partitions }) => partitions.length > 0);
  }

  #running(): Running[] {
    return [...this.#actors.values(), ...this.#timers, ...this.#tasks];
  }

  /** Says what is not waited for any more. */
  #cutOff(running: readonly Running[]): void {
    const after = formatDuration(this.#parts.settings.stopTimeout.value);
    for (const { what, fields } of running.flatMap((each) => each.cutOff())) {
      this.#parts.logger.warn(`Cut off after ${after}, the stop timeout. ${what}`, fields);
    }
  }

  async #stopAll(): Promise<void> {
    const { clock, driver, logger, settings, sleep } = this.#parts;
    /** A step that fails keeps none of the next from happening: a connection left open keeps the process alive. */
    const attempt = async (step: Promise<unknown> | undefined) => {
      try {
        await step;
      } catch (error) {
        logger.error(`Stopping failed: ${messageOf(error)}`, codeField(error));
      }
    };
    const until = clock.monotonic() + settings.stopTimeout.value;
    const left = () => Math.max(0, until - clock.monotonic());
    const lastSteps = Math.min(settings.stopTimeout.value * LAST_STEPS, LAST_STEPS_MS);
    /** How long what is in hand may still take. */
    const patience = () => Math.max(0, left() - lastSteps);
    this.#state = "stopping";
    this.#idle.abort();
    this.#halt.abort();
    // Nothing begins any more. What is in hand goes on, under the lease: the worker stays in its group meanwhile.
    for (const each of this.#running()) each.end();
    const masters: Running[] = [
      ...this.#timers.filter(({ timer }) => timer.onMaster),
      ...this.#tasks.filter(({ task }) => task.onMaster),
    ];
    const others = this.#running().filter((each) => !masters.includes(each));
    const drained = allIdle(others);
    await this.#endMastership(masters, drained, patience);
    if (await within(drained, patience(), sleep) === undefined) this.#cutOff(others);
    this.#over.abort(new MephistoError("STOPPED", "The worker has stopped."));
    await attempt(within(driver.publisher.flush(), left() / 2, sleep));
    await attempt(this.#membership?.leave(left()));
    this.#parts.watch?.close();
    await attempt(driver.close(Math.min(left(), 1000)));
    this.#state = "stopped";
    this.#end();
  }

  /** When what it has in hand as master is finished, or cut off, another one may be elected: before handlers are done. */
  async #endMastership(masters: Running[], drained: Promise<true>, patience: () => number): Promise<void> {
    const { settings, sleep, watch } = this.#parts;
    const ended = allIdle(masters);
    const soon = await within(ended, Math.min(RESIGN_AFTER, patience()), sleep);
    if (soon === undefined && patience() > 0) this.#drain();
    if (soon === undefined && await within(ended, patience(), sleep) === undefined) this.#cutOff(masters);
    await this.#master?.resign(RESIGN_ENTRY);
    // A static member does not leave the group: unless it resigns, there is no other master until its session is over.
    const keepsPlace = settings.instanceId.value !== undefined && this.#mastership?.master === true;
    this.#mastership?.resign();
    const leavesSoon = patience() === 0 || await within(drained, RESIGN_AFTER, sleep);
    if (!leavesSoon) this.#drain();
    const resigned = keepsPlace || !leavesSoon ? this.#membership?.resign() : undefined;
    if (resigned) watch?.changed();
    if (keepsPlace && resigned) await within(resigned, RESIGN_WITHIN, sleep);
  }

  /**
   * Has others take its partitions: those with nothing in hand at once, the others one by one. A static member keeps its
   * own: it may be back before anybody has missed it.
   */
  #drain(): void {
    if (this.#drains || this.#parts.settings.instanceId.value !== undefined) return;
    this.#drains = true;
    this.#membership?.drain();
    this.#parts.watch?.changed();
  }
}

async function allIdle(running: readonly Running[]): Promise<true> {
  await Promise.all(running.map((each) => each.idle()));
  return true;
}
