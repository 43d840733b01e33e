import { type Clock, systemClock } from "../core/clock.ts";
import { type Logger, silent } from "../core/logger.ts";
import { openGate, type TransactionGate } from "./gate.ts";
import { NODE_ID } from "./node.ts";
import type { AnyApi } from "./requests/api.ts";
import { apis } from "./requests/index.ts";
import { BrokerServer, defaultLimits, type ServerLimits } from "./server.ts";
import { type Journal, MemoryJournal } from "./state.ts";
import { Topics } from "./topics.ts";

export interface BrokerOptions {
  /** Default 127.0.0.1: nobody else can connect. */
  readonly host?: string;
  /** Default 9092; 0: any that is free. */
  readonly port?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<ServerLimits>;
}

/**
 * A broker for one machine that speaks Kafka's protocol.
 *
 *     const broker = new Broker({ port: 0 });
 *     const { port } = await broker.start();
 *     await broker.stop();
 */
export class Broker {
  readonly options: BrokerOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topics = new Topics();
  /** What is served, and so what ApiVersions advertises. */
  readonly apis: readonly AnyApi[] = apis;
  readonly clusterId = "mephisto-dev-broker";
  readonly nodeId = NODE_ID;
  /** Asked by Produce about transactional batches. */
  readonly transactions: TransactionGate = openGate;
  readonly #journals = new Map<string, Journal>();
  #server: BrokerServer | undefined;
  #port = 0;

  constructor(options: BrokerOptions = {}) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silent;
  }

  /** Where clients are told to connect. */
  get host(): string {
    return this.options.host ?? "127.0.0.1";
  }

  get port(): number {
    return this.#port;
  }

  /** The journal of that name, such as "groups"; the same object for the same name. */
  journal(name: string): Journal {
    let journal = this.#journals.get(name);
    if (journal === undefined) this.#journals.set(name, journal = new MemoryJournal());
    return journal;
  }

  /** Listens. Rejects with the system's error, such as one of the code EADDRINUSE. */
  async start(): Promise<{ port: number }> {
    const { port = 9092, limits } = this.options;
    this.#server = new BrokerServer({
      host: this.host,
      port,
      broker: this,
      apis: this.apis,
      limits: { ...defaultLimits, ...limits },
      clock: this.clock,
      logger: this.logger,
    });
    this.#port = await this.#server.listen();
    return { port: this.#port };
  }

  /** Ends every connection at once and frees the port. */
  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }
}
