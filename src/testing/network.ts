import { MephistoError } from "../core/errors.ts";
import type { Host } from "./host.ts";
import type { Random } from "./random.ts";
import type { VirtualTime } from "./time.ts";

/** How long an answer may take when nothing else is said. */
export const ANSWER_MS = 3000;

/** A message on its way: what a process asks, and what it is answered. */
export type Phase = "request" | "answer";

/** What becomes of a message: it is lost, with its connection, or takes so many ms longer. */
export type Fate = "lost" | number;

/** Executes a request in the log; `reply` may be called later. */
export type Execute<T> = (reply: (answer: T) => void) => void;

/** How it is on the way between a process and the log. */
export class Way {
  readonly cut: Record<Phase, boolean> = { request: false, answer: false };
  /** How often a message is lost, with its connection. */
  loss = 0;
  /** How much longer a message takes at most, in ms. */
  slow = 0;
  readonly waiting: Record<Phase, (() => void)[]> = { request: [], answer: [] };
  readonly wires = new Set<Wire>();

  /** What was held up on the way, and not given up, comes after all. */
  heal(): void {
    for (const phase of ["request", "answer"] as const) {
      this.cut[phase] = false;
      for (const arrive of this.waiting[phase].splice(0)) arrive();
    }
  }
}

/** What lies between processes and the log: delays, and what a test does to it. Between two processes there is nothing. */
export class Network {
  readonly time: VirtualTime;
  /** Looks at each message when it is sent, and may say what becomes of it. */
  watch: ((host: Host, name: string, phase: Phase) => Fate) | undefined;
  readonly #random: Random;
  readonly #ways = new WeakMap<Host, Way>();
  readonly #delay: readonly [number, number];

  /** `delay`: how long a message takes at least and at most, in ms. */
  constructor(time: VirtualTime, random: Random, delay: readonly [number, number] = [0.1, 1]) {
    this.time = time;
    this.#random = random;
    this.#delay = delay;
  }

  way(host: Host): Way {
    let way = this.#ways.get(host);
    if (way === undefined) this.#ways.set(host, way = new Way());
    return way;
  }

  /** Every connection of a process breaks; what is on its way arrives or not. */
  reset(host: Host): void {
    for (const wire of [...this.way(host).wires]) {
      wire.lost.request ||= this.#random.happens(0.5);
      wire.close("The connection has been reset.");
    }
  }

  send(wire: Wire, name: string, phase: Phase, arrive: () => void): void {
    const { host, lost } = wire;
    const way = this.way(host);
    const fate = this.watch?.(host, name, phase) ?? 0;
    if (lost[phase]) return;
    if (fate === "lost" || this.#random.happens(way.loss)) return this.#lose(wire, phase);
    const extra = fate;
    const launch = () => {
      if (lost[phase]) return;
      const [least, most] = this.#delay;
      const delay = this.#random.between(least, most + way.slow) + extra;
      // A connection keeps the order; two connections of one process do not.
      const at = wire.last[phase] = Math.max(wire.last[phase], this.time.now + delay);
      if (phase === "answer") host.at(at, "message", arrive);
      else this.time.at(at, () => lost.request || arrive());
    };
    if (!way.cut[phase]) launch();
    else if (this.#random.happens(0.5)) this.#lose(wire, phase);
    else way.waiting[phase].push(launch);
  }

  /** With a message that is lost its connection is; whether that is heard soon, or only by waiting, is chance. */
  #lose(wire: Wire, phase: Phase): void {
    wire.lost[phase] = true;
    if (!this.way(wire.host).cut.answer && this.#random.happens(0.5)) {
      wire.host.after(this.#random.between(1, 50), "message", () => wire.close("The connection is broken."));
    }
  }
}

/** One connection of a process, until it breaks. Its requests are executed one after the other, in their order. */
export class Wire {
  readonly host: Host;
  readonly lost: Record<Phase, boolean> = { request: false, answer: false };
  readonly last: Record<Phase, number> = { request: 0, answer: 0 };
  closed = false;
  readonly #network: Network;
  readonly #waiting = new Set<(error: MephistoError) => void>();
  #busy = false;
  readonly #queue: (() => void)[] = [];

  constructor(network: Network, host: Host) {
    this.host = host;
    this.#network = network;
    network.way(host).wires.add(this);
  }

  call<T>(name: string, timeout: number, execute: Execute<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: MephistoError) => {
        late.run = undefined;
        reject(error);
      };
      const late = this.host.after(
        timeout,
        "timer",
        () => this.close(`${name} was not answered within ${timeout} ms.`),
      );
      this.#waiting.add(fail);
      const answered = (answer: T) => {
        if (!this.#waiting.delete(fail)) return;
        late.run = undefined;
        resolve(answer);
      };
      this.#network.send(this, name, "request", () => this.#arrived(name, execute, answered));
    });
  }

  /** Whoever waits for an answer is told; what is on its way may still be executed. */
  close(sentence: string): void {
    if (this.closed) return;
    this.closed = this.lost.answer = true;
    this.#queue.length = 0;
    this.#network.way(this.host).wires.delete(this);
    const error = new MephistoError("UNREACHABLE", sentence);
    for (const fail of [...this.#waiting]) fail(error);
    this.#waiting.clear();
  }

  #arrived<T>(name: string, execute: Execute<T>, answered: (answer: T) => void): void {
    const begin = () =>
      execute((answer) => {
        this.#network.send(this, name, "answer", () => answered(answer));
        this.#busy = false;
        const next = this.#queue.shift();
        if (next === undefined) return;
        this.#busy = true;
        next();
      });
    if (this.#busy) {
      if (!this.closed) this.#queue.push(begin);
      return;
    }
    this.#busy = true;
    begin();
  }
}

/** A process's way of asking the log: one connection at a time, a new one when it has broken. */
export class Line {
  readonly #network: Network;
  readonly #host: Host;
  #wire: Wire | undefined;
  #closed = false;

  constructor(network: Network, host: Host) {
    this.#network = network;
    this.#host = host;
  }

  /** Errors: `UNREACHABLE` when nothing was answered in time (ms), or the connection broke: it may have been executed. */
  call<T>(name: string, timeout: number, execute: Execute<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new MephistoError("UNREACHABLE", "The connections have been closed."));
    if (this.#wire === undefined || this.#wire.closed) this.#wire = new Wire(this.#network, this.#host);
    return this.#wire.call(name, timeout, execute);
  }

  /** Ends the connection; those who wait are refused. */
  drop(): void {
    this.#wire?.close("The connection was ended.");
  }

  /** Ends the connection for good. */
  close(): void {
    this.#closed = true;
    this.drop();
  }
}
