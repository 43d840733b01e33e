import type { ActorDefinition } from "../core/actor.ts";
import type { AppDefinition } from "../core/app.ts";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { type Sleep, within } from "../core/pause.ts";
import { Supervisor } from "../core/supervisor.ts";
import { type EventLoopTurn, Yielder } from "../core/yielder.ts";
import type { Driver, Generation, MemberListener, Membership } from "../driver/driver.ts";
import type { Context } from "../runtime/context.ts";
import { ActorLoop } from "./actor-loop.ts";
import { BlockWatch } from "./block-watch.ts";
import { connect, masterWork } from "./connect.ts";
import { DeadLetters } from "./dead-letters.ts";
import { everyWorkersSpan } from "./every-worker.ts";
import { Master } from "./master.ts";
import { Mastership } from "./mastership.ts";
import { describePartitions } from "./partitions.ts";
import type { Scope } from "./sends.ts";
import type { WorkerSettings } from "./settings.ts";
import { type RunningWorker, timerStatus, type WorkerStatus } from "./status.ts";
import { TaskLoop } from "./task-loop.ts";
import { TimerLoop } from "./timer-loop.ts";
import type { Watch } from "./watch.ts";

/** How long stopping may take in all, in ms. */
const STOP_WITHIN = 9000;
/** How long a running tick, or task, may still finish and publish when the worker stops, in ms. */
const LAST_TICK = 300;
/** How long a master may take to write that it has resigned, in ms. */
const RESIGN_ENTRY = 200;
/** If what is in hand takes longer than this, mastership is handed over before it is finished, in ms. */
const RESIGN_AFTER = 100;
/** How long a running tick may still finish when another worker is to be master, in ms. */
const LAST_TICK_ASKED = 10_000;
/** How long a static member waits until the group has heard that it resigns, in ms. */
const RESIGN_WITHIN = 1000;
/** A worker without partitions says so when it has had none for so long, in ms. */
const IDLE_AFTER = 3000;

export interface WorkerParts {
  readonly definition: Pick<AppDefinition, "id" | "options" | "actors" | "timers" | "tasks">;
  readonly settings: WorkerSettings;
  readonly driver: Driver;
  readonly context: Context<Scope>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly eventLoopTurn: EventLoopTurn;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** The worker's name, and what runs it: `bun 1.4.5`. */
  readonly worker: string;
  readonly runtime: string;
  /** The address without user and password. */
  readonly url: string;
  /** Sees at once that other workers are gone. */
  readonly watch?: Watch | undefined;
  /** What else a person may do when no broker answers: a sentence after a space, or nothing. */
  readonly advice: string;
}

/** A worker: its place in the group, its actors, its timers, and mastership. */
export class Worker implements RunningWorker {
  readonly failed: Promise<Error>;
  readonly #parts: WorkerParts;
  readonly #supervisor: Supervisor;
  readonly #actors: Map<string, ActorLoop>;
  readonly #timers: TimerLoop[];
  readonly #tasks: TaskLoop[];
  readonly #blocks: BlockWatch;
  readonly #since: Date;
  readonly #stop = new AbortController();
  readonly #fail: (error: Error) => void;
  #state: WorkerStatus["state"] = "starting";
  #membership: Membership | undefined;
  #mastership: Mastership | undefined;
  #master: Master | undefined;
  #generation: Generation | undefined;
  #partitionCounts: ReadonlyMap<string, number> = new Map();
  #idle = new AbortController();
  #told = false;
  #standsDown = false;
  #handsOver = false;
  #stopping: Promise<void> | undefined;

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    const { clock, definition, driver, worker } = parts;
    this.#since = new Date(clock.wall());
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.failed = promise;
    this.#fail = resolve;
    const supervisor = this.#supervisor = new Supervisor({ ...parts, failed: resolve });
    const yielder = new Yielder(clock, parts.eventLoopTurn, parts.sleep);
    const sessionTimeout = parts.settings.sessionTimeout.value;
    const blocks = this.#blocks = new BlockWatch({ ...parts, yielder, sessionTimeout });
    const loopParts = { ...parts, supervisor, yielder, blocks };
    const deadLetters = new DeadLetters(driver, worker, clock);
    const loop = (actor: ActorDefinition) =>
      new ActorLoop(actor, { ...loopParts, publisher: driver.publisher, deadLetters });
    this.#actors = new Map([...definition.actors.values()].map((actor) => [actor.topic, loop(actor)]));
    this.#timers = [...definition.timers.values()].map((timer) => new TimerLoop(timer, loopParts));
    this.#tasks = [...definition.tasks.values()].map((task) => new TaskLoop(task, loopParts));
  }

  async start(): Promise<void> {
    const { clock, definition, driver, logger, settings, sleep, watch, worker, runtime } = this.#parts;
    const connected = await connect(this.#parts, this.#stop.signal);
    const presence = await watch?.listen();
    if (connected === undefined || this.#stop.signal.aborted) return;
    const { journal } = connected;
    this.#partitionCounts = connected.partitionCounts;
    const { signal } = this.#stop;
    void this.#supervisor.loop("The watch over blocked event loops", () => this.#blocks.run(signal), { signal });
    for (const actor of this.#actors.values()) actor.start();
    const everyWorker = everyWorkersSpan(clock, this.#stop.signal);
    for (const loop of this.#timers) if (!loop.timer.onMaster) loop.start(everyWorker);
    for (const loop of this.#tasks) if (!loop.task.onMaster) loop.start({ ...everyWorker, scopeOf: () => undefined });
    const membership = this.#membership = driver.join({
      group: definition.id,
      topics: [...this.#actors.keys()],
      profile: {
        worker,
        runtime,
        version: settings.version.value,
        timers: masterWork(definition),
        mayBeMaster: settings.master.value,
        presence,
      },
      instanceId: settings.instanceId.value,
      sessionTimeout: settings.sessionTimeout.value,
      heartbeatInterval: settings.heartbeatInterval.value,
    }, this.#listener());
    const master = this.#master = journal && new Master({
      ...this.#parts,
      supervisor: this.#supervisor,
      log: driver.master,
      journalId: journal.id,
      sessionTimeout: settings.sessionTimeout.value,
      version: settings.version.value,
      timers: this.#timers.filter(({ timer }) => timer.onMaster),
      tasks: this.#tasks.filter(({ task }) => task.onMaster),
      standDown: (why) => void this.#standDown(why),
    });
    this.#mastership = new Mastership(membership.lease, (term) => master?.begin(term), logger, clock, sleep);
    watch?.follow(membership);
    await Promise.race([membership.ready(), aborted(this.#stop.signal)]);
    if (this.#state === "starting") this.#state = "running";
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#stopAll();
  }

  ready(): boolean {
    return this.#unready() === undefined;
  }

  /** Why it is not ready: a sentence. */
  #unready(): string | undefined {
    const { clock, settings } = this.#parts;
    const membership = this.#membership;
    if (this.#state === "starting" || membership === undefined) return "The worker has not joined its group yet.";
    if (this.#state !== "running") return "The worker is stopping.";
    if (!membership.joined) return "The worker is not in its group at the moment.";
    const silence = clock.monotonic() - membership.lastContact;
    if (silence >= settings.sessionTimeout.value) {
      return "The worker has not heard from Kafka for longer than a session.";
    }
    return this.#supervisor.trouble ?? this.#master?.trouble;
  }

  status(): WorkerStatus {
    const { clock, definition, runtime, settings, url, worker } = this.#parts;
    const lastContact = this.#membership?.lastContact ?? -Infinity;
    const lease = this.#membership?.lease.left() ?? 0;
    const unready = this.#unready();
    return {
      app: definition.id,
      worker,
      runtime,
      version: settings.version.value,
      state: this.#state,
      ready: unready === undefined,
      reason: unready ?? null,
      since: this.#since.toISOString(),
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
      actors: [...this.#actors.values()].map(({ actor: { name, topic }, partitions, counts }) => ({
        name,
        topic,
        partitions,
        ...counts,
      })),
      timers: timerStatus(this.#timers, this.#master?.journal, clock.wall()),
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
        if (first) logger.info(line);
        else logger.debug(line);
        if (generation.master !== undefined && !generation.elected) this.#master?.relieved();
        this.#mastership?.generation(generation);
        this.#parts.watch?.generation(generation);
        this.#master?.look();
        if (generation.resignAsked) void this.#handOver();
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
        if (partitions.length > 0) logger.info(`Gained ${describePartitions(partitions)}.`);
        this.#idle.abort();
      },
      revoked: async (partitions) => {
        await Promise.all(partitions.map(({ topic, partition }) => this.#actors.get(topic)?.revoked(partition)));
      },
      handedOver: (partitions) => {
        if (partitions.length > 0) logger.info(`Gave up ${describePartitions(partitions)}.`);
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
    if (this.#handsOver) return;
    this.#handsOver = true;
    const quiet = this.#timers.filter(({ timer }) => timer.onMaster).map((loop) => loop.quiet());
    await within(Promise.all(quiet), LAST_TICK_ASKED, this.#parts.sleep);
    await this.#master?.resign(RESIGN_ENTRY);
    await this.#standDown("another worker is asked for");
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
      this.#parts.logger.debug(`Standing down failed: ${messageOf(error)}`);
    }
    this.#standsDown = false;
  }

  /** A worker that goes without says so, once, when others have had the time to hand over. */
  #watchIdle(): void {
    this.#idle.abort();
    if (this.#told || this.#actors.size === 0 || this.#hasPartitions()) return;
    const { signal } = this.#idle = new AbortController();
    void this.#parts.sleep(IDLE_AFTER, signal).then(() => {
      if (signal.aborted || this.#hasPartitions() || this.#state !== "running") return;
      this.#told = true;
      const counts = [...this.#partitionCounts].map(([topic, count]) => `${topic} has ${count}`).join(", ");
      this.#parts.logger.info(
        `No partition for this worker: ${counts}, for ${this.#generation?.members ?? 0} workers. It stands by.`,
      );
    });
  }

  #hasPartitions(): boolean {
    return [...this.#actors.values()].some(({ partitions }) => partitions.length > 0);
  }

  async #stopAll(): Promise<void> {
    const { clock, driver, logger, sleep } = this.#parts;
    /** A step that fails keeps none of the next from happening: a connection left open keeps the process alive. */
    const attempt = async (step: Promise<unknown> | undefined) => {
      try {
        await step;
      } catch (error) {
        logger.error(`Stopping failed: ${messageOf(error)}`);
      }
    };
    const until = clock.monotonic() + STOP_WITHIN;
    const left = () => Math.max(0, until - clock.monotonic());
    this.#state = "stopping";
    this.#idle.abort();
    // No new tick; one that runs may finish and publish, under the lease, for a moment.
    const loops = [...this.#timers, ...this.#tasks];
    for (const loop of loops) loop.end();
    await within(Promise.all(loops.map((loop) => loop.idle())), LAST_TICK, sleep);
    await this.#master?.resign(RESIGN_ENTRY);
    this.#stop.abort();
    // A static member does not leave the group: unless it resigns, there is no other master until its session is over.
    const keepsPlace = this.#parts.settings.instanceId.value !== undefined && this.#mastership?.master === true;
    this.#mastership?.resign();
    const drained = Promise.all([...this.#actors.values()].map((actor) => actor.stop()));
    const isDrained = await within(drained, RESIGN_AFTER, sleep) !== undefined;
    const resigned = keepsPlace || !isDrained ? this.#membership?.resign() : undefined;
    if (resigned) this.#parts.watch?.changed();
    if (keepsPlace && resigned) await within(resigned, RESIGN_WITHIN, sleep);
    await within(drained, left() / 2, sleep);
    await attempt(within(driver.publisher.flush(), left() / 2, sleep));
    await attempt(this.#membership?.leave(left()));
    this.#parts.watch?.close();
    await attempt(driver.close(Math.min(left(), 1000)));
    this.#state = "stopped";
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
