import { MephistoError } from "../../core/errors.ts";
import type { Cluster } from "./cluster.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import { type Address, shownAddress } from "./url.ts";

/** Connections of one's own: one to each broker, so that what is sent to a broker arrives in the order of its sending. */
export class ConnectionPool {
  readonly #cluster: Cluster;
  readonly #connections = new Map<string, BrokerConnection>();
  readonly #closed = new AbortController();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Aborts when they are closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The connection to a broker. Errors: `STOPPED`. */
  to(address: Address): BrokerConnection {
    if (this.#closed.signal.aborted) throw new MephistoError("STOPPED", "The publisher has been closed.");
    const key = shownAddress(address);
    let connection = this.#connections.get(key);
    if (connection === undefined) this.#connections.set(key, connection = this.#cluster.connection(address));
    return connection;
  }

  /** Ends a connection with all that waits on it; the next is a new one. */
  drop(connection: BrokerConnection): void {
    const key = shownAddress(connection.address);
    if (this.#connections.get(key) === connection) this.#connections.delete(key);
    this.#cluster.release(connection);
  }

  close(): void {
    this.#closed.abort();
    for (const connection of this.#connections.values()) this.#cluster.release(connection);
    this.#connections.clear();
  }
}
