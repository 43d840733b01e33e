import { aborted } from "../core/aborted.ts";
import type { ActorDefinition } from "../core/actor.ts";
import { ByteBudget } from "../core/byte-budget.ts";
import { formatDuration } from "../core/duration.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import { codeField, ROUTINE } from "../core/logger.ts";
import { deadline, Pacer } from "../core/delay.ts";
import { Supervisor } from "../core/supervisor.ts";
import { Yielder } from "../core/yielder.ts";
import type {
  Generation,
  MemberListener,
  Membership,
  MissingTopic,
  OutgoingRecord,
  Publisher,
  ZoneData,
} from "../driver/driver.ts";
import { ActorLoop } from "./actors/actor-loop.ts";
import { BlockWatch } from "./calls/block-watch.ts";
import { connect, connectAnew, masterWork } from "./connect.ts";
import { DeadLetters } from "./dead-letters/dead-letters.ts";
import { keepInFile, keepNothing } from "./dead-letters/file.ts";
import { everyWorkerScope } from "./timers/every-worker.ts";
import { Forecast } from "./timers/forecast.ts";
import { Master } from "./master/master.ts";
import { Mastership, type Term } from "./master/mastership.ts";
import { IdleWatch } from "./idle-watch.ts";
import { describePartitions } from "./partitions.ts";
import { WatchTicker } from "./timers/run-watch.ts";
import { type RunningWorker, type WorkerStatus, workerStatus } from "./status.ts";
import { allIdle, Callers, type Running } from "./calls/stop.ts";
import { SteppingDown } from "./stepping-down.ts";
import { TaskLoop } from "./tasks/task-loop.ts";
import { TimerLoop } from "./timers/timer-loop.ts";
import { WorkWatch } from "./work-watch.ts";
import { unreadyReason } from "./readiness.ts";
import type { WorkerParts } from "./worker-parts.ts";
import { zonesOf, ZoneWatch } from "./zones.ts";
import { counted } from "../core/counted.ts";

/** What is left of the time to stop for flushing, committing, leaving and closing, when nothing more is waited for; and at most. */
const [LAST_STEPS, LAST_STEPS_MS] = [1 / 5, 2000];
/** How long a handler, timer or task that has called `stop()` itself may take to end, before that resolves. */
const CALLER_GRACE_MS = 1000;

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
  readonly #idle: IdleWatch;
  readonly #steppingDown: SteppingDown;
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
    const turns = new Pacer(clock, parts.sleep);
    const { publisher } = driver;
    const { signal: over } = this.#over;
    // What goes on behind a handler, a timer or a task that has ended would keep what is flushed from its end.
    const send = (record: OutgoingRecord) => over.aborted ? turns.refusal(over.reason) : publisher.send(record);
    this.#publisher = { send };
    const mayHaveLost = () => this.#membership?.lease.holds() === false;
    const loop = (actor: ActorDefinition) =>
      new ActorLoop(actor, { ...loopParts, mayHaveLost, publisher: this.#publisher, deadLetters });
    this.#actors = new Map([...definition.actors.values()].map((actor) => [actor.topic, loop(actor)]));
    const ticker = new WatchTicker(parts.sleep, supervisor);
    this.#timers = [...definition.timers.values()].map((timer) => new TimerLoop(timer, { ...loopParts, ticker }));
    this.#tasks = [...definition.tasks.values()].map((task) => new TaskLoop(task, loopParts));
    this.#steppingDown = new SteppingDown({
      ...parts,
      timers: this.#timers.filter(({ timer }) => timer.onMaster),
      tasks: this.#tasks.filter(({ task }) => task.onMaster),
      halt: this.#halt.signal,
      membership: () => this.#membership,
      mastership: () => this.#mastership,
      master: () => this.#master,
      cutOff: (running) => this.#cutOff(running),
    });
    this.#idle = new IdleWatch({
      ...parts,
      supervisor,
      isIdle: () => this.#mayBeIdle() && this.#state === "running" && this.#missingTopic() === undefined,
      partitionCounts: () => this.#partitionCounts,
      members: () => this.#generation?.members ?? 0,
    });
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
    const everyWorker = everyWorkerScope(clock, over, this.#publisher);
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
      yieldMastership: (why) =>
        void this.#supervisor.once("Standing down", () => this.#steppingDown.yieldMastership(why)),
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
      deadline(stopping, CALLER_GRACE_MS, sleep)
    );
    return Promise.race([stopping, others]);
  }

  ready(): boolean {
    return this.#unready() === undefined;
  }

  /** Why it is not ready: a sentence. */
  #unready(): string | undefined {
    const { clock, driver, settings } = this.#parts;
    return unreadyReason({
      state: this.#state,
      membership: this.#membership,
      now: clock.monotonic(),
      sessionTimeout: settings.sessionTimeout.value,
      refusal: driver.troubles.reason,
      troubles: [this.#supervisor.trouble, this.#missingTopic()?.why, this.#master?.trouble],
    });
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
    return workerStatus({
      ...this.#parts,
      state: this.#state,
      unready: this.#unready(),
      since: this.#since,
      membership: this.#membership,
      mastership: this.#mastership,
      master: this.#master,
      generation: this.#generation,
      budget: this.#budget,
      actors: [...this.#actors.values()],
      timers: this.#timers,
      tasks: this.#tasks,
      forecast: this.#forecast,
      workWatch: this.#workWatch,
    });
  }

  #listener(): MemberListener {
    const { logger } = this.#parts;
    return {
      claim: () => this.#mastership?.claim() ?? 0,
      generation: (generation) => {
        const first = this.#generation === undefined;
        this.#generation = generation;
        const workers = counted(generation.members, "worker");
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
        if (generation.resignAsked) void this.#supervisor.once("The handover", () => this.#steppingDown.handOver());
        if (this.#mayBeIdle()) this.#idle.look();
        else this.#idle.end();
      },
      removed: () => {
        this.#generation = undefined;
        this.#mastership?.removed();
        if (this.#state === "running") {
          logger.warn("The group has removed this worker, which was silent for too long. It joins again.");
        }
      },
      assigned: (partitions) => {
        for (const { topic, partition } of partitions) this.#actors.get(topic)?.assigned(partition);
        if (partitions.length > 0) logger.info(`Assigned ${describePartitions(partitions)}.`, ROUTINE);
        this.#idle.end();
      },
      revoked: async (partitions) => {
        await Promise.all(partitions.map(({ topic, partition }) => this.#actors.get(topic)?.revoked(partition)));
      },
      handedOver: (partitions) => {
        if (partitions.length === 0) return;
        logger.info(`Revoked ${describePartitions(partitions)}.`, ROUTINE);
        if (this.#steppingDown.drains) this.#parts.watch?.changed();
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

  /** It has actors, and no partition for them. */
  #mayBeIdle(): boolean {
    const actors = [...this.#actors.values()];
    return !this.#halt.signal.aborted && actors.length > 0 && actors.every(({ partitions }) => partitions.length === 0);
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
    const timeLeftMs = () => Math.max(0, left() - lastSteps);
    this.#state = "stopping";
    this.#idle.end();
    this.#halt.abort();
    // Nothing begins any more. What is in hand goes on, under the lease: the worker stays in its group meanwhile.
    for (const each of this.#running()) each.end();
    const others = [
      ...this.#actors.values(),
      ...this.#timers.filter(({ timer }) => !timer.onMaster),
      ...this.#tasks.filter(({ task }) => !task.onMaster),
    ];
    const drained = allIdle(others);
    await this.#steppingDown.end(drained, timeLeftMs);
    if (await deadline(drained, timeLeftMs(), sleep) === undefined) this.#cutOff(others);
    this.#over.abort(new MephistoError("STOPPED", "The worker has stopped."));
    await attempt(deadline(driver.publisher.flush(), left() / 2, sleep));
    await attempt(this.#membership?.leave(left()));
    this.#parts.watch?.close();
    await attempt(driver.close(Math.min(left(), 1000)));
    this.#state = "stopped";
    this.#end();
  }
}
