import { randomUUID } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { MephistoError, messageOf } from "../core/errors.ts";

/** More are turned away: they lose nothing but speed. */
const MOST_CONNECTIONS = 1000;
/** Whoever connects says within this time, that it knows whom it has found. */
const CONFIRM_TIMEOUT_MS = 5000;
/** What may be said by whoever connects. */
const LONGEST_WORD_BYTES = 16;

/** What a peer says when it has read the greeting and stays. */
export const WATCHING = "watching\n";
/** What its peers are told: the group is about to change, or has. */
export const CHANGED = "changed\n";

/**
 * Where this worker is present: a connection to it lasts as long as it lives. Each is greeted with the worker's id;
 * nothing that anybody sends is acted upon.
 */
export class Listener {
  /** What it greets with. */
  readonly id: string = randomUUID();
  readonly host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those that have said that they watch. */
  readonly #peers = new Set<Socket>();
  #port = 0;

  constructor(host: string) {
    this.host = host;
    this.#server = createServer((socket) => this.#greet(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  get port(): number {
    return this.#port;
  }

  /** Listens on a free port, and keeps no process alive by it. Errors: `INVALID_OPTION` for an address of another machine. */
  async listen(): Promise<void> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) => {
        const sentence =
          `Presence cannot listen on ${this.host} (${messageOf(cause)}): give an address of this machine ` +
          "with --presence-bind, or off.";
        reject(new MephistoError("INVALID_OPTION", sentence, { cause }));
      });
      server.listen({ port: 0, host: this.host, exclusive: true }, resolve);
    });
    server.on("error", () => {}); // what comes later is of single connections
    server.unref();
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
  }

  /** Tells all that watch this worker that they had better ask the group. */
  changed(): void {
    for (const peer of this.#peers) peer.write(CHANGED);
  }

  /** Says the last word and ends all connections. */
  close(): void {
    this.#server.close(() => {});
    for (const socket of this.#sockets) socket.end(CHANGED, () => socket.destroy());
  }

  #greet(socket: Socket): void {
    const late = setTimeout(() => socket.destroy(), CONFIRM_TIMEOUT_MS);
    let heard = "";
    this.#sockets.add(socket);
    socket.unref();
    socket.setKeepAlive(true, 30_000); // a peer whose machine is gone does not take up room for ever
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("error", () => {}); // its end follows
    socket.on("close", () => {
      clearTimeout(late);
      this.#sockets.delete(socket);
      this.#peers.delete(socket);
    });
    socket.on("data", (text) => {
      heard = (heard + text).slice(0, LONGEST_WORD_BYTES);
      if (!WATCHING.startsWith(heard)) socket.destroy();
      if (heard !== WATCHING) return;
      clearTimeout(late);
      this.#peers.add(socket);
    });
    socket.write(`${this.id}\n`);
  }
}
