import { createServer, type Server } from "node:net";
import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { BrokerServices } from "../services.ts";
import { Connection, type ConnectionLimits } from "./connection.ts";
import { Dispatcher } from "./dispatch.ts";
import type { AnyApi } from "../requests/api.ts";

export interface ServerLimits extends ConnectionLimits {
  readonly connections: number;
  /** Kafka's `connections.max.idle.ms`. */
  readonly idle: number;
}

/** As Kafka's defaults, where it has such a limit. */
export const defaultLimits: ServerLimits = {
  produce: 100 * 1024 * 1024,
  other: 16 * 1024 * 1024,
  inFlight: 16,
  unsent: 1024 * 1024,
  stalled: 30_000,
  connections: 1000,
  idle: 600_000,
};

export interface ServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly broker: BrokerServices;
  readonly apis: readonly AnyApi[];
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

const SWEEP_INTERVAL_MS = 5000;

/** Listens, and keeps the clients. */
export class BrokerServer {
  readonly #options: ServerOptions;
  readonly #connections = new Set<Connection>();
  readonly #server: Server;
  #sweeper: NodeJS.Timeout | undefined;
  #nextId = 1;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { broker, limits, clock, logger } = options;
    const dispatcher = new Dispatcher(options.apis, logger);
    const now = () => clock.monotonic();
    this.#server = createServer((socket) => {
      if (this.#connections.size >= limits.connections) {
        logger.warn(`more than ${limits.connections} connections: one of ${socket.remoteAddress} is refused`);
        socket.on("error", () => {});
        socket.destroy();
        return;
      }
      const connection = new Connection({ id: this.#nextId++, socket, broker, dispatcher, limits, logger, now });
      this.#connections.add(connection);
      socket.once("close", () => this.#connections.delete(connection));
    });
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Resolves with the port. Rejects with the system's error, such as one of the code EADDRINUSE. */
  listen(): Promise<number> {
    const { host, port, clock, limits } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        this.#server.on("error", (error) => this.#options.logger.error(`the listener: ${error.message}`));
        this.#sweeper = setInterval(() => {
          for (const connection of this.#connections) connection.sweep(clock.monotonic(), limits.idle);
        }, SWEEP_INTERVAL_MS);
        this.#sweeper.unref();
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  /** Ends every connection at once, and listening; resolves when the port is free. */
  close(): Promise<void> {
    clearInterval(this.#sweeper);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    return closed;
  }
}
