import type { Clock } from "../core/clock.ts";
import { pause } from "../core/pause.ts";
import type { Child, Command } from "./child.ts";
import { freePorts } from "./ports.ts";
import type { Probe } from "./probe.ts";
import { STOP_GRACE_MS, Supervised, terminate } from "./supervised.ts";

/** How often a new worker is asked whether it is ready, and all of them who is master, in ms. */
const [ASK_READY, ASK_MASTER] = [100, 500];
/** A new worker that is not ready after so long has failed, in ms. */
const READY_WITHIN = 30_000;
/** How long a worker may take to stop when what it worked on is gone, in ms. */
const STOPS_FOR_NOTHING_MS = 1000;

export interface FleetParts {
  /** One for each worker. */
  readonly ports: readonly number[];
  /** How worker number `index` is started. */
  command(index: number, webPort: number): Command;
  start(command: Command): Child;
  show(name: string, child: Child): Promise<void>;
  tell(line: string): void;
  probe(port: number, pid: number): Promise<Probe | undefined>;
  readonly restart: boolean;
  /** How long a worker may take to stop, in ms. */
  readonly stopTimeout: number;
  readonly clock: Clock;
}

/** The name of the workers that try out a change. */
export const TRIAL = "trial";

export function workerName(index: number): string {
  return `worker.${index + 1}`;
}

/** The workers: all at once, one after the other, and who of them is master. */
export class Fleet {
  readonly #parts: FleetParts;
  readonly #workers: readonly Supervised[];
  readonly #over = new AbortController();
  #trials: Child[] = [];
  #master = 0;

  constructor(parts: FleetParts) {
    this.#parts = parts;
    this.#workers = parts.ports.map((port, index) =>
      new Supervised({
        ...parts,
        name: workerName(index),
        start: () => parts.start(parts.command(index, port)),
        show: (child) => parts.show(workerName(index), child),
        restarts: () => parts.restart,
      })
    );
  }

  /** Starts them all. Resolves when none is left. */
  async run(): Promise<void> {
    void this.#followMaster();
    await Promise.all(this.#workers.map((worker) => worker.run()));
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all([
      ...this.#workers.map((worker) => worker.stop()),
      ...this.#trials.map((trial) => this.#end(trial)),
    ]);
  }

  kill(): void {
    for (const worker of this.#workers) worker.kill();
    for (const trial of this.#trials) trial.kill("SIGKILL");
  }

  /**
   * Starts all anew, one after the other. First one more worker of each runtime tries out the change: if it does not get
   * ready the others go on as they are, and so they do when `changed` says that the script is another by now. It works
   * along until all are new, so that one is always there.
   *
   * @returns whether all are new
   */
  async renew(changed: () => boolean): Promise<boolean> {
    const { tell } = this.#parts;
    try {
      if (this.#workers.some((worker) => worker.child) && !await this.#try()) {
        tell("The change does not run: see above. The workers go on as they were, until the next save.");
        return false;
      }
      for (const [index, worker] of this.#workers.entries()) {
        if (changed() || this.#over.signal.aborted) return false;
        const child = await worker.renew();
        if (child) await this.#gotReady(child, this.#parts.ports[index] ?? 0);
      }
      return true;
    } finally {
      await Promise.all(this.#trials.map((trial) => this.#end(trial)));
      this.#trials = [];
    }
  }

  /** Starts all anew at once: nothing of what they have done is there any more. */
  async beginAnew(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.renew(STOPS_FOR_NOTHING_MS)));
  }

  #end(trial: Child): Promise<void> {
    return terminate(trial, this.#parts.stopTimeout + STOP_GRACE_MS);
  }

  /** Whether the change gets ready on each runtime: what compiles on one may not on another. */
  async #try(): Promise<boolean> {
    const { command, start, show, ports } = this.#parts;
    const kinds = new Map(ports.map((port, index) => [command(index, port).program, index]));
    const free = await freePorts(0, kinds.size);
    for (const index of kinds.values()) {
      if (this.#over.signal.aborted) return false;
      const port = free.pop() ?? 0;
      const child = start(command(index, port));
      this.#trials.push(child);
      const shown = show(TRIAL, child);
      if (await this.#gotReady(child, port)) continue;
      await this.#end(child);
      await shown;
      return false;
    }
    return true;
  }

  async #gotReady(child: Child, port: number): Promise<boolean> {
    const { clock, probe, tell } = this.#parts;
    const until = clock.monotonic() + READY_WITHIN;
    let ended = false;
    void child.exited.then(() => ended = true);
    while (!ended && !this.#over.signal.aborted) {
      if ((await probe(port, child.pid))?.ready) return true;
      if (clock.monotonic() > until) {
        tell(`A new worker (pid ${child.pid}) is not ready after ${READY_WITHIN / 1000} s.`);
        return false;
      }
      await pause(ASK_READY, this.#over.signal);
    }
    return false;
  }

  /** Says who is master, and how to see another take over. */
  async #followMaster(): Promise<void> {
    const { ports, probe, tell } = this.#parts;
    const { signal } = this.#over;
    for (; !signal.aborted; await pause(ASK_MASTER, signal)) {
      for (const [index, { name, child }] of this.#workers.entries()) {
        if (child === undefined || !(await probe(ports[index] ?? 0, child.pid))?.master) continue;
        if (child.pid !== this.#master && !signal.aborted) {
          tell(`${name} is the master. To see another take over: kill -9 ${child.pid}`);
        }
        this.#master = child.pid;
      }
    }
  }
}
