import { type FenceOptions, type MayTry, notMaster } from "../../driver/master-log.ts";
import type { Call } from "../../wire/call.ts";
import { apiVersions } from "../../wire/requests/18-api-versions.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../../wire/error-codes.ts";
import { check } from "../connection/errors.ts";
import type { ConnectionPool } from "../connection/connection-pool.ts";
import type { SilenceLimits } from "../connection/line-rate.ts";
import { type BrokerConnection, REQUEST_TIMEOUT_MS } from "../connection/broker-connection.ts";
import type { Address } from "../connection/url.ts";

/** How the cluster does transactions. */
export interface TransactionSupport {
  /**
   * Whether each transaction has an epoch of its own, and partitions come into it by being written to (KIP-890,
   * `transaction.version` 2).
   */
  readonly epochs: boolean;
}

/** At first an answer is given the time after which the broker aborts a transaction, divided by this. */
const PARTS = 6;
/** But no less than this. */
const SHORTEST_TIMEOUT_MS = 500;
/** In the end, for a coordinator that is only slow, it is given this part of that time. */
const MOST = 0.75;

/** The coordinator of one transactional id. It moves: after an error that says so it is looked for again. */
export class TransactionCoordinator {
  readonly #cluster: Cluster;
  readonly #connections: ConnectionPool;
  readonly #transactionalId: string;
  readonly #limits: SilenceLimits;
  #address: Address | undefined;

  constructor(
    cluster: Cluster,
    connections: ConnectionPool,
    { transactionalId, transactionTimeout }: Pick<FenceOptions, "transactionalId" | "transactionTimeout">,
  ) {
    this.#cluster = cluster;
    this.#connections = connections;
    this.#transactionalId = transactionalId;
    const limit = Math.max(Math.floor(transactionTimeout / PARTS), SHORTEST_TIMEOUT_MS);
    const first = Math.min(limit, REQUEST_TIMEOUT_MS);
    this.#limits = { first, most: Math.max(first, MOST * transactionTimeout) };
  }

  /**
   * One attempt. `mayTry` is asked when the connection is there, immediately before the request is written; `onSent`
   * tells that it was. While an answer is waited for nothing is published, so that a lost one is soon given up; after
   * each that did not come the next may take longer, for a coordinator that is only slow. Errors: `NOT_MASTER`,
   * `PROTOCOL` while there is no coordinator, and as `BrokerConnection.send`.
   */
  async ask<T>(call: Call<T>, mayTry: MayTry, onSent: () => void = () => {}): Promise<T> {
    try {
      const connection = await this.#open();
      if (!mayTry()) throw notMaster();
      onSent();
      return await connection.send(call, this.#limits);
    } catch (error) {
      this.#address = undefined;
      throw error;
    }
  }

  /** An error code of an answer, by which it may turn out to be another broker. */
  heard(errorCode: number): void {
    if (errorCode === Code.NOT_COORDINATOR || errorCode === Code.COORDINATOR_NOT_AVAILABLE) this.#address = undefined;
  }

  /** What the cluster can do. Errors: as `ask`. */
  async support(): Promise<TransactionSupport> {
    const connection = await this.#open();
    const answer = await connection.send(apiVersions({ softwareName: "mephisto", softwareVersion: "1" }));
    check(answer.errorCode, "Asking for the broker's versions");
    const newest = (key: number) => answer.apis.find(({ apiKey }) => apiKey === key)?.maxVersion ?? -1;
    const version = answer.finalizedFeatures.get("transaction.version") ?? 0;
    return { epochs: version >= 2 && newest(0) >= 12 && newest(26) >= 5 };
  }

  async #open(): Promise<BrokerConnection> {
    this.#address ??= await this.#cluster.coordinator(this.#transactionalId, "transaction");
    const connection = this.#connections.to(this.#address);
    await connection.open();
    return connection;
  }
}
