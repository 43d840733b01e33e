import { MephistoError } from "../../core/errors.ts";
import type { Cluster } from "./cluster.ts";
import type { BrokerConnection } from "./broker-connection.ts";
import { type Address, shownAddress } from "./url.ts";

/** Connections of one's own: one to each broker, so that what is sent to a broker arrives in the order of its sending. */
export class ConnectionPool {
  readonly #cluster: Cluster;
  readonly #links = new Map<string, BrokerConnection>();
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
    let link = this.#links.get(key);
    if (link === undefined) this.#links.set(key, link = this.#cluster.link(address));
    return link;
  }

  /** Ends a connection with all that waits on it; the next is a new one. */
  drop(link: BrokerConnection): void {
    const key = shownAddress(link.address);
    if (this.#links.get(key) === link) this.#links.delete(key);
    this.#cluster.release(link);
  }

  close(): void {
    this.#closed.abort();
    for (const link of this.#links.values()) this.#cluster.release(link);
    this.#links.clear();
  }
}
