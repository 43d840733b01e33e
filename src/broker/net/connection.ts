import type { Socket } from "node:net";
import { WireError } from "../../wire/errors.ts";
import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { BrokerServices } from "../services.ts";
import { type Dispatcher, type Task, UnsupportedRequestError } from "./dispatch.ts";
import { type FrameLimits, Frames } from "./frames.ts";
import { SocketWriter } from "./socket-writer.ts";

export interface ConnectionLimits extends FrameLimits {
  /** Requests of a connection that are being worked on at once, and as many more that are read ahead. */
  readonly inFlight: number;
  /** Bytes of answers that wait for a client to read them: beyond it no further request of its is begun. */
  readonly unsent: number;
  /** How long a client may read nothing while answers wait for it, in ms. */
  readonly stalled: number;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly socket: Socket;
  readonly broker: BrokerServices;
  readonly dispatcher: Dispatcher;
  readonly limits: ConnectionLimits;
  readonly logger: Logger;
  readonly now: () => number;
}

/** A request that has been begun. */
interface Begun {
  /** Missing: it has not been worked out yet. Null: there is none. */
  answer: Uint8Array[] | null | undefined;
  /** The next one may begin. */
  isReleased: boolean;
}

/**
 * One client. Its requests are begun in order and answered in order: one at a time, unless one releases the next. Whatever goes wrong with it ends it and nobody else.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #frames: Frames;
  readonly #gone = new AbortController();
  readonly #waiting: Uint8Array[] = [];
  /** In the order of the requests. */
  readonly #begun: Begun[] = [];
  readonly #writer: SocketWriter;
  readonly #host: string;
  #activeAt: number;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#frames = new Frames(options.limits);
    this.#writer = new SocketWriter(options.socket, () => this.#sent());
    this.#activeAt = options.now();
    const { socket } = options;
    this.#host = socket.remoteAddress ?? "";
    socket.setNoDelay(true);
    socket.setKeepAlive(true); // so that a client whose machine is gone is found out
    socket.on("data", (bytes: Uint8Array) => this.#receive(bytes));
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#close());
  }

  /** Who it is, for a line of the log. */
  get name(): string {
    return `${this.#host}:${this.#options.socket.remotePort ?? "?"}`;
  }

  /** Ends it if it has been idle for too long, or has not read its answers. */
  sweep(now: number, maxIdle: number): void {
    const { limits } = this.#options;
    const quiet = now - this.#activeAt;
    if (this.#writer.size > 0 && quiet > limits.stalled) {
      this.#end(`has read nothing for ${Math.round(quiet / 1000)} s while answers wait for it`);
    } else if (this.#begun.length === 0 && quiet > maxIdle) {
      this.#options.logger.debug(`${this.name} was idle: closed`);
      this.close();
    }
  }

  /** Ends it at once. */
  close(): void {
    this.#options.socket.destroy();
    this.#close();
  }

  #receive(bytes: Uint8Array): void {
    this.#activeAt = this.#options.now();
    try {
      this.#frames.push(bytes, (frame) => this.#waiting.push(frame));
    } catch (error) {
      this.#end(`sent ${messageOf(error)}`);
      return;
    }
    this.#advance();
  }

  /** Begins what may begin, and reads on or stops reading. */
  #advance(): void {
    const { socket, limits } = this.#options;
    while (this.#waiting.length > 0 && this.#mayBegin() && !this.#gone.signal.aborted) {
      const frame = this.#waiting.shift();
      if (frame !== undefined) this.#begin(frame);
    }
    if (this.#gone.signal.aborted) return;
    if (this.#waiting.length >= limits.inFlight) socket.pause();
    else if (socket.isPaused()) socket.resume();
  }

  #mayBegin(): boolean {
    const { limits } = this.#options;
    if (this.#writer.size > limits.unsent || this.#begun.length >= limits.inFlight) return false;
    return this.#begun.every(({ isReleased }) => isReleased);
  }

  #begin(frame: Uint8Array): void {
    const { id, broker, dispatcher } = this.#options;
    const begun: Begun = { answer: undefined, isReleased: false };
    const release = () => {
      begun.isReleased = true;
      this.#advance();
    };
    let task: Task;
    try {
      task = dispatcher.read(frame, { clientHost: this.#host, connectionId: id, signal: this.#gone.signal, release });
    } catch (error) {
      if (error instanceof UnsupportedRequestError) this.#end(`asked for what is not there: ${error.message}`);
      else if (error instanceof WireError) this.#end(`sent what cannot be read: ${error.message}`);
      else throw error;
      return;
    }
    this.#begun.push(begun);
    task(broker).then((answer) => {
      begun.answer = answer;
      this.#send();
    }, (error) => {
      if (!this.#gone.signal.aborted) this.#end(`could not be answered: ${describe(error)}`);
    });
  }

  #send(): void {
    if (this.#gone.signal.aborted) return;
    for (let first = this.#begun[0]; first !== undefined && first.answer !== undefined; first = this.#begun[0]) {
      this.#begun.shift();
      this.#writer.add(first.answer ?? []);
    }
    this.#activeAt = this.#options.now();
    this.#writer.flush();
    this.#advance();
  }

  #sent(): void {
    this.#activeAt = this.#options.now();
    this.#advance();
  }

  #end(why: string): void {
    if (this.#gone.signal.aborted) return;
    this.#options.logger.warn(`${this.name} ${why}: its connection is closed`);
    this.close();
  }

  #close(): void {
    if (this.#gone.signal.aborted) return;
    this.#waiting.length = this.#begun.length = 0;
    this.#writer.clear();
    this.#gone.abort();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
