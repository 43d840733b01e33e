import type { Clock } from "../../core/clock.ts";
import { MephistoError } from "../../core/errors.ts";
import type { Call } from "../../wire/call.ts";
import type { Cluster } from "../connection/cluster.ts";
import type { SilenceLimits } from "../connection/line-rate.ts";
import { type BrokerConnection, REQUEST_TIMEOUT_MS } from "../connection/broker-connection.ts";
import { type Address, shownAddress } from "../connection/url.ts";

/** An answer that takes longer than this part of a session comes too late to keep it. */
const USEFUL = 0.75;

/**
 * The way to a group's coordinator: JoinGroup and SyncGroup have one connection, heartbeats and commits another, since a
 * heartbeat behind a parked JoinGroup would come too late.
 */
export class Coordinator {
  /** When it last answered, on the monotonic clock. */
  lastContact = -Infinity;
  readonly #cluster: Cluster;
  readonly #group: string;
  readonly #clock: Clock;
  /** At first an answer has to come soon enough for another try within the session; a slow one has nearly all of it. */
  readonly #timeoutMs: SilenceLimits;
  #address: Address | undefined;
  #joining: BrokerConnection | undefined;
  #beating: BrokerConnection | undefined;
  #closed = false;

  constructor(cluster: Cluster, group: string, sessionTimeout: number, clock: Clock) {
    this.#cluster = cluster;
    this.#group = group;
    this.#clock = clock;
    this.#timeoutMs = { first: Math.min(REQUEST_TIMEOUT_MS, sessionTimeout / 3), most: USEFUL * sessionTimeout };
  }

  /** Where it is; undefined while that is not known. */
  get where(): string | undefined {
    return this.#address && shownAddress(this.#address);
  }

  /** How long its answers take, as last seen, in ms. */
  get answerMs(): number {
    return this.#address ? this.#cluster.line(this.#address).answerMs : 0;
  }

  async locate(): Promise<void> {
    const address = this.#address = await this.#cluster.coordinator(this.#group);
    if (this.#closed) return;
    this.#joining = this.#cluster.connection(address);
    this.#beating = this.#cluster.connection(address);
  }

  /** It is another one now, or gone. */
  forget(): void {
    this.#address = undefined;
    this.hangUp();
    this.#cluster.release(this.#beating);
    this.#beating = undefined;
  }

  /** Ends what waits for a generation. The next JoinGroup has a connection of its own. */
  hangUp(): void {
    this.#cluster.release(this.#joining);
    this.#joining = this.#address && !this.#closed ? this.#cluster.connection(this.#address) : undefined;
  }

  /** Forgets it for good. */
  close(): void {
    this.#closed = true; // a parked JoinGroup would hold up whoever leaves
    this.forget();
  }

  /** Asks something that may park for long. Errors: `UNREACHABLE`. */
  async join<T>(call: Call<T>, timeout: number): Promise<T> {
    return await this.#send(this.#joining, call, timeout);
  }

  /** Asks something that is answered at once. Errors: `UNREACHABLE`. */
  async ask<T>(call: Call<T>): Promise<T> {
    return await this.#send(this.#beating, call, this.#timeoutMs);
  }

  async #send<T>(connection: BrokerConnection | undefined, call: Call<T>, timeout: number | SilenceLimits): Promise<T> {
    if (connection === undefined) throw new MephistoError("UNREACHABLE", "The group's coordinator is not known.");
    const answer = await connection.send(call, timeout);
    this.lastContact = this.#clock.monotonic();
    return answer;
  }
}
