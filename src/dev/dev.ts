import { aborted } from "../core/aborted.ts";
import type { Clock } from "../core/clock.ts";
import { deadline } from "../core/delay.ts";
import type { Child, Command } from "./child.ts";
import { Fleet, TRIAL, workerName } from "./fleet.ts";
import { label, Labels, type Sink } from "./lines.ts";
import { accepts } from "./ports.ts";
import type { Probe } from "./probe.ts";
import { Supervised } from "./supervised.ts";
import type { SourceWatch } from "./watch.ts";

/** How long the broker may take to listen, in ms, and how often it is tried. */
const [LISTENS_WITHIN, TRY_EVERY] = [15_000, 20];
/** How long the broker may take to stop: with `--data` it writes to the disk what it has. */
const BROKER_STOP_MS = 9000;
/** The broker stops after the workers also when this process is killed, in s. */
const BROKER_LINGERS = 2;

export interface DevParts {
  readonly brokerPort: number;
  readonly webPorts: readonly number[];
  brokerCommand(): Command;
  workerCommand(index: number, webPort: number): Command;
  /** How the script is tried out by what runs a worker. */
  trialCommand(index: number): Command;
  start(command: Command, options?: { linger?: number }): Child;
  probe(port: number, name: string): Promise<Probe | undefined>;
  readonly out: Sink;
  readonly err: Sink;
  readonly restart: boolean;
  /** Whether the broker has everything still when it is started again. */
  readonly keeps: boolean;
  /** How long a worker may take to stop, in ms. */
  readonly stopTimeout: number;
  readonly watch: SourceWatch | undefined;
  readonly clock: Clock;
}

/** A broker and its workers, each a process of its own, with their output in one place. */
export class Dev {
  readonly #parts: DevParts;
  readonly #labels: Labels;
  readonly #broker: Supervised;
  readonly #fleet: Fleet;
  readonly #stop = new AbortController();
  /** Resolves when nobody reads the output any more. */
  readonly #unread = Promise.withResolvers<void>();
  #listening = false;

  constructor(parts: DevParts) {
    this.#parts = parts;
    const names = ["broker", ...parts.webPorts.map((_, index) => workerName(index))];
    this.#labels = new Labels([...names, "dev", ...(parts.watch ? [TRIAL] : [])]);
    const shared = { clock: parts.clock, report: (line: string) => this.tell(line) };
    this.#broker = new Supervised({
      ...shared,
      name: "broker",
      start: () => {
        if (this.#listening && !parts.keeps) void this.#beginAnew();
        return parts.start(parts.brokerCommand(), { linger: BROKER_LINGERS });
      },
      show: (child) => this.#show("broker", child),
      restarts: () => this.#listening,
      stopTimeout: BROKER_STOP_MS,
    });
    this.#fleet = new Fleet({
      ...shared,
      ports: parts.webPorts,
      command: (index, port) => parts.workerCommand(index, port),
      trial: (index) => parts.trialCommand(index),
      start: (command) => parts.start(command),
      show: (name, child) => this.#show(name, child),
      probe: (port, name) => parts.probe(port, name),
      restart: parts.restart,
      stopTimeout: parts.stopTimeout,
    });
  }

  /** A line of its own. */
  tell(line: string): void {
    const { err } = this.#parts;
    err.write(`${this.#labels.of("dev", err)}${line}\n`);
  }

  /** Resolves when it is over by itself, or has been stopped; whether that is a failure. */
  async run(): Promise<boolean> {
    const broker = this.#broker.run();
    if (!await this.#brokerListens(broker)) return !this.#stop.signal.aborted;
    void this.#follow();
    const workers = this.#fleet.run();
    await Promise.race([workers, broker, this.#unread.promise, aborted(this.#stop.signal)]);
    return !this.#stop.signal.aborted;
  }

  /** Stops the workers, then the broker. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#fleet.stop();
    await this.#broker.stop();
  }

  /** Ends everything at once. */
  kill(): void {
    this.#fleet.kill();
    this.#broker.kill();
  }

  async #brokerListens(ended: Promise<void>): Promise<boolean> {
    const { signal } = this.#stop;
    let over = false;
    void ended.then(() => over = true);
    const until = this.#parts.clock.monotonic() + LISTENS_WITHIN;
    for (; !over && !signal.aborted; await deadline(ended, TRY_EVERY)) {
      if (await accepts(this.#parts.brokerPort)) return this.#listening = true;
      if (this.#parts.clock.monotonic() > until) {
        this.tell(`The broker does not listen after ${LISTENS_WITHIN / 1000} s.`);
        return false;
      }
    }
    return false;
  }

  /**
   * A broker that kept everything in memory and is started again has neither topics nor journal. A worker refuses to go on
   * without the journal that it knew, as it must with a broker that loses one; here there is nothing to be found again.
   */
  async #beginAnew(): Promise<void> {
    this.tell("The broker kept everything in memory, so its topics and the journal are gone: the workers begin anew.");
    await this.#fleet.beginAnew();
  }

  async #follow(): Promise<void> {
    const { watch } = this.#parts;
    const { signal } = this.#stop;
    if (watch === undefined) return;
    for (;;) {
      const files = await watch.next(signal);
      if (signal.aborted) return;
      const more = files.length > 3 ? ` and ${files.length - 3} more` : "";
      this.tell(`${files.slice(0, 3).join(", ")}${more} changed: the workers are restarted one after the other.`);
      if (await this.#fleet.renew(() => watch.changed)) this.tell("All workers run the change.");
    }
  }

  async #show(name: string, { stdout, stderr }: Child): Promise<void> {
    const { out, err } = this.#parts;
    const prefix = (sink: Sink) => this.#labels.of(name, sink);
    try {
      await Promise.all([label(stdout, prefix(out), out), label(stderr, prefix(err), err)]);
    } catch {
      this.#unread.resolve();
    }
  }
}
