import type { ByteBudget } from "../core/byte-budget.ts";
import type { Generation, Membership } from "../driver/driver.ts";
import type { ActorLoop } from "./actors/actor-loop.ts";
import type { Master } from "./master/master.ts";
import type { Mastership } from "./master/mastership.ts";
import type { TaskLoop } from "./tasks/task-loop.ts";
import type { WorkerParts } from "./worker-parts.ts";
import { slotJson, type UpcomingJson } from "../core/upcoming.ts";
import type { Forecast } from "./timers/forecast.ts";
import type { Journal } from "./master/journal/journal.ts";
import { goneRows, recordedOf, timeOf, type TimerRow, timerRow } from "./timer-rows.ts";
import type { TimerLoop } from "./timers/timer-loop.ts";
import type { WorkWatch } from "./work-watch.ts";

/** What a worker says of itself, as the web port shows it in JSON. Times are ISO 8601, durations ms. */
export interface WorkerStatus {
  readonly app: string;
  readonly worker: string;
  readonly runtime: string;
  readonly version: string;
  readonly state: "starting" | "running" | "stopping" | "stopped";
  readonly ready: boolean;
  /** Why it is not ready: a sentence. */
  readonly reason: string | null;
  readonly since: string;
  /** What does not go on in the background, and for how long. What waiting does not mend makes the worker unready. */
  readonly troubles: readonly {
    readonly name: string;
    readonly reason: string;
    readonly lasts: number;
    readonly retriable: boolean;
  }[];
  readonly url: string;
  readonly group: {
    readonly joined: boolean;
    readonly generation: number;
    readonly members: number;
    /** How long ago the coordinator last answered. */
    readonly lastContact: number | null;
  };
  readonly mastership: {
    /** Whether this worker is master, and its schedule runs. */
    readonly master: boolean;
    /** The worker that the group elected, or null. */
    readonly elected: string | null;
    /** The journal's, or 0. */
    readonly epoch: number;
    /** What it does as the elected one: fences the one before, reads the journal, waits, begins, is active; or null. */
    readonly stage: string | null;
    /** How often it gave mastership up, since it could not tick. */
    readonly resignations: number;
    /** What is left of the lease. */
    readonly lease: number | null;
  };
  /** Bytes of messages that are fetched and not handled yet, and how many there may be. */
  readonly buffers: { readonly held: number; readonly limit: number };
  readonly actors: readonly {
    readonly name: string;
    readonly topic: string;
    readonly partitions: readonly number[];
    readonly handled: number;
    readonly failed: number;
    readonly deadLettered: number;
  }[];
  readonly timers: readonly TimerStatus[];
  readonly tasks: readonly {
    readonly name: string;
    readonly onMaster: boolean;
    /** Whether it runs on this worker. */
    readonly running: boolean;
    readonly failed: number;
  }[];
}

/**
 * A timer. One that runs on the master is told of as its journal knows it: by another worker as it was when that was
 * master last, unless the journal is asked ({@link asWritten}).
 */
export interface TimerStatus extends TimerRow {
  readonly epoch: number;
  readonly ran: number;
  readonly failed: number;
  readonly skipped: number;
  readonly caughtUp: number;
  /** The slot that this worker waits for. */
  readonly next: string | null;
  /** The slots that come, whoever runs them. */
  readonly coming: readonly UpcomingJson[];
}

/** The timers of a script, and those that only the journal knows. */
export function timerStatus(
  loops: readonly TimerLoop[],
  journal: Journal | undefined,
  now: number,
  forecast: Forecast,
  group: Pick<WorkWatch, "notRunning">,
): TimerStatus[] {
  const own = loops.map(({ timer, state, next, running }): TimerStatus => {
    const notRunning = timer.onMaster ? group.notRunning(timer.name) : undefined;
    const row = timerRow(timer, { ...state.last, ...state.counts }, running, notRunning);
    return { ...row, ...counted(row), next: timeOf(next), coming: forecast.of(timer.rule, now).map(slotJson) };
  });
  return [...own, ...gone(own, journal)];
}

/** The status of a worker that is not master, with what the journal says by now of the timers that run there. */
export function asWritten(status: WorkerStatus, journal: Journal): WorkerStatus {
  const own = status.timers.filter(({ rule }) => rule !== null);
  const written = (name: string) => {
    const recorded = recordedOf(journal.timers.get(name), journal.running.get(name));
    return { ...recorded, ...counted(recorded) };
  };
  const timers = own.map((timer) => timer.onMaster ? { ...timer, ...written(timer.name) } : timer);
  return { ...status, timers: [...timers, ...gone(own, journal)] };
}

/** The timers that only the journal knows. */
function gone(own: readonly TimerStatus[], journal: Journal | undefined): TimerStatus[] {
  const rows = goneRows(new Set(own.map(({ name }) => name)), journal);
  return rows.map((row) => ({ ...row, ...counted(row), next: null, coming: [] }));
}

/** One that has never run has run no times. */
function counted({ epoch, ran, failed, skipped, caughtUp }: Counts) {
  return {
    epoch: epoch ?? 0,
    ran: ran ?? 0,
    failed: failed ?? 0,
    skipped: skipped ?? 0,
    caughtUp: caughtUp ?? 0,
  };
}

type Counts = Pick<TimerRow, "epoch" | "ran" | "failed" | "skipped" | "caughtUp">;

/** A worker, as the command line and an embedding program hold it. */
export interface RunningWorker {
  /** Resolves when it has joined its group; keeps trying while no broker answers. Rejects when going on is hopeless. */
  start(): Promise<void>;
  /**
   * Finishes what is in hand, commits, leaves, within the stop timeout. Never throws. Inside of a handler, a timer or a
   * task, which it would wait for in vain, it resolves when it waits for nothing else.
   */
  stop(): Promise<void>;
  /** Resolves when it has stopped, whoever told it to. */
  readonly stopped: Promise<void>;
  /** Resolves, with the reason, when the worker cannot go on by itself. */
  readonly failed: Promise<Error>;
  status(): WorkerStatus;
  /** Works out what a status takes long to say, without holding up anything else; it can be asked for without. */
  prepareStatus?(): Promise<void>;
  /** Whether it has its partitions, and heard from Kafka within a session. */
  ready(): boolean;
}

/** What a worker's status is made from. */
interface StatusView extends WorkerParts {
  readonly state: WorkerStatus["state"];
  /** Why it is not ready. */
  readonly unready: string | undefined;
  readonly since: Date;
  readonly membership: Membership | undefined;
  readonly mastership: Mastership | undefined;
  readonly master: Master | undefined;
  readonly generation: Generation | undefined;
  readonly budget: ByteBudget;
  readonly actors: readonly ActorLoop[];
  readonly timers: readonly TimerLoop[];
  readonly tasks: readonly TaskLoop[];
  readonly forecast: Forecast;
  readonly workWatch: WorkWatch;
}

/** What a worker says of itself. */
export function workerStatus(view: StatusView): WorkerStatus {
  const { clock, definition, driver, generation, master, mastership, membership, runtime, settings, unready } = view;
  // Whether it is master, and has begun.
  const isMaster = mastership?.master === true && (master === undefined || master.epoch > 0);
  const lastContact = membership?.lastContact ?? -Infinity;
  const lease = membership?.lease.left() ?? 0;
  const timersOf = () => timerStatus(view.timers, master?.journal, clock.wall(), view.forecast, view.workWatch);
  let timers: readonly TimerStatus[] | undefined;
  return {
    app: definition.id,
    worker: view.worker,
    runtime,
    version: settings.version.value,
    state: view.state,
    ready: unready === undefined,
    reason: unready ?? null,
    since: view.since.toISOString(),
    troubles: driver.troubles.all.map(({ name, reason, retriable, since }) => {
      return { name, reason, lasts: Math.round(clock.monotonic() - since), retriable };
    }),
    url: view.url,
    group: {
      joined: membership?.joined ?? false,
      generation: generation?.generation ?? 0,
      members: generation?.members ?? 0,
      lastContact: Number.isFinite(lastContact) ? Math.round(clock.monotonic() - lastContact) : null,
    },
    mastership: {
      master: isMaster,
      elected: mastership?.elected ?? null,
      epoch: master?.epoch ?? 0,
      stage: mastership?.master ? master?.stage ?? "active" : null,
      resignations: master?.resignations ?? 0,
      lease: lease > 0 ? Math.round(lease) : null,
    },
    buffers: { held: view.budget.held, limit: view.budget.limit },
    actors: view.actors.map(({ actor: { name, topic }, partitions, counts }) => ({
      name,
      topic,
      partitions,
      ...counts,
    })),
    // Of thousands it takes long to say when they come next, and most who ask want to know something else.
    get timers() {
      return timers ??= timersOf();
    },
    tasks: view.tasks.map(({ task: { name, onMaster }, running, failed }) => ({ name, onMaster, running, failed })),
  };
}
