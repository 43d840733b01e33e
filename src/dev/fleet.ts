import type { Clock } from "../core/clock.ts";
import { deadline, delay } from "../core/delay.ts";
import type { Child, Command } from "./child.ts";
import type { Probe } from "./probe.ts";
import { STOP_GRACE_MS, Supervised, terminate } from "./supervised.ts";

/** How often a new worker is asked whether it is ready, and all of them who is master, in ms. */
const [ASK_READY, ASK_ALL] = [100, 500];
/** A new worker that is not ready after so long has failed. */
const READY_TIMEOUT_MS = 30_000;
/** How long a worker may take to stop when what it worked on is gone. */
const STOPS_FOR_NOTHING_MS = 1000;

export interface FleetParts {
  /** One for each worker. */
  readonly ports: readonly number[];
  /** How worker number `index` is started. */
  command(index: number, webPort: number): Command;
  /** How the script is tried out, by what runs worker number `index`: ends with 0 if it would run. */
  trial(index: number): Command;
  start(command: Command): Child;
  show(name: string, child: Child): Promise<void>;
  report(line: string): void;
  probe(port: number, name: string): Promise<Probe | undefined>;
  readonly restart: boolean;
  /** How long a worker may take to stop, in ms. */
  readonly stopTimeout: number;
  readonly clock: Clock;
}

/** The name of what tries out a change. */
export const TRIAL = "trial";

export function workerName(index: number): string {
  return `worker.${index + 1}`;
}

/** The workers: all at once, one after the other, who of them is master, and who has what. */
export class Fleet {
  readonly #parts: FleetParts;
  readonly #workers: readonly Supervised[];
  readonly #over = new AbortController();
  #trials: Child[] = [];
  /** While all are started anew one after the other, who has what changes with each. */
  #renews = false;

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
    void this.#follow();
    await Promise.all(this.#workers.map((worker) => worker.run()));
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all([
      ...this.#workers.map((worker) => worker.stop()),
      ...this.#trials.map((trial) => terminate(trial, this.#parts.stopTimeout + STOP_GRACE_MS)),
    ]);
  }

  kill(): void {
    for (const worker of this.#workers) worker.kill();
    for (const trial of this.#trials) trial.kill("SIGKILL");
  }

  /**
   * Starts all anew, one after the other. First the script is tried out on each runtime: if it would not run the workers go
   * on as they are, and so they do when `changed` says that the script is another by now.
   *
   * @returns whether all are new
   */
  async renew(changed: () => boolean): Promise<boolean> {
    const { report } = this.#parts;
    this.#renews = true;
    try {
      if (this.#workers.some((worker) => worker.child) && !await this.#try()) {
        report("The change does not run: see above. The workers go on as they were, until the next save.");
        return false;
      }
      for (const [index, worker] of this.#workers.entries()) {
        if (changed() || this.#over.signal.aborted) return false;
        const child = await worker.renew();
        if (child) await this.#gotReady(child, index);
      }
      return true;
    } finally {
      this.#renews = false;
    }
  }

  /** Starts all anew at once: nothing of what they have done is there any more. */
  async beginAnew(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.renew(STOPS_FOR_NOTHING_MS)));
  }

  /** Whether the change would run on each runtime: what compiles on one may not on another. */
  async #try(): Promise<boolean> {
    const { trial, start, show, ports } = this.#parts;
    const kinds = new Map(ports.map((_, index) => [trial(index).program, index]));
    this.#trials = [...kinds.values()].map((index) => start(trial(index)));
    const outcomes = await Promise.all(this.#trials.map(async (child) => {
      const shown = show(TRIAL, child);
      const exit = await deadline(child.exited, READY_TIMEOUT_MS);
      if (exit === undefined) await terminate(child, STOP_GRACE_MS);
      await shown;
      return exit?.code === 0;
    }));
    this.#trials = [];
    return outcomes.every((runs) => runs);
  }

  async #gotReady(child: Child, index: number): Promise<void> {
    const { clock, ports, probe, report } = this.#parts;
    const until = clock.monotonic() + READY_TIMEOUT_MS;
    let ended = false;
    void child.exited.then(() => ended = true);
    while (!ended && !this.#over.signal.aborted) {
      if ((await probe(ports[index] ?? 0, workerName(index)))?.ready) return;
      if (clock.monotonic() > until) {
        report(`${workerName(index)} is not ready after ${READY_TIMEOUT_MS / 1000} s.`);
        return;
      }
      await delay(ASK_READY, this.#over.signal);
    }
  }

  /** Says who is master, how to see another take over, and who has what, when it has come to rest. */
  async #follow(): Promise<void> {
    const { signal } = this.#over;
    let [master, told, before] = [0, "", ""];
    for (; !signal.aborted; await delay(ASK_ALL, signal)) {
      const all = await Promise.all(this.#workers.map(async (worker, index) => {
        const { child } = worker;
        const said = child && await this.#parts.probe(this.#parts.ports[index] ?? 0, workerName(index));
        return said === undefined ? undefined : { name: worker.name, pid: child?.pid ?? 0, ...said };
      }));
      if (this.#renews || signal.aborted) continue;
      const there = all.filter((one) => one !== undefined);
      const first = there.find((one) => one.master);
      if (first !== undefined && first.pid !== master) {
        master = first.pid;
        this.#parts.report(`${first.name} is the master. To see another take over: kill -9 ${master}`);
      }
      const living = this.#workers.filter(({ child }) => child).length;
      const agree = there.length === living &&
        there.every((one) => one.ready && one.generation === there[0]?.generation);
      const now = agree ? share(there) : "";
      if (now !== "" && now === before && now !== told) this.#parts.report(told = now);
      before = now;
    }
  }
}

/** `3 workers share 8 partitions: worker.1 has 3, worker.2 3, worker.3 2.` */
function share(workers: readonly { name: string; partitions: number }[]): string {
  const sum = workers.reduce((total, { partitions }) => total + partitions, 0);
  if (sum === 0 || workers.length === 1) return "";
  const each = workers.map(({ name, partitions }, index) => `${name}${index === 0 ? " has" : ""} ${partitions}`);
  return `${workers.length} workers share ${sum} partitions: ${each.join(", ")}.`;
}
