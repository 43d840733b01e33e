import { Code } from "../../wire/error-codes.ts";
import { MephistoError } from "../../core/errors.ts";
import type { TopicSpec } from "../../driver/driver.ts";
import { createTopics } from "../../wire/requests/19-create-topics.ts";
import type { Call } from "../../wire/call.ts";
import { metadata, type MetadataResponse } from "../../wire/requests/03-metadata.ts";
import { findCoordinator } from "../../wire/requests/10-find-coordinator.ts";
import { type Connect, connector } from "./kafkajs.ts";
import { check, ProtocolError } from "./errors.ts";
import { tooOld } from "./requirements.ts";
import { checkCreated, CREATE_TIMEOUT_MS, createWithLimits, newTopic } from "./topic-limits.ts";
import { LineRate } from "./line-rate.ts";
import { BrokerConnection } from "./broker-connection.ts";
import { delay, type Time } from "../../core/delay.ts";
import { type Address, type Endpoint, shownAddress } from "./url.ts";

/** A topic as the brokers last told it. */
export interface TopicState {
  readonly topic: string;
  /** A topic that is deleted and created again has another id: positions are good for one id only. */
  readonly topicId: string;
  /** The node that leads each partition; -1 while there is none. */
  readonly leaders: readonly number[];
}

/** What is known of the cluster, and the way to its brokers. */
export class Cluster {
  readonly endpoint: Endpoint;
  readonly time: Time;
  readonly #clientId: string;
  readonly #connect: Connect;
  readonly #connections = new Set<BrokerConnection>();
  /** By address: what is known of the way there outlives the connections. */
  readonly #lines = new Map<string, LineRate>();
  readonly #sharedConnections = new Map<string, BrokerConnection>();
  #last: Address | undefined;
  #nodes = new Map<number, Address>();
  readonly #topics = new Map<string, TopicState>();
  readonly #refreshing = new Map<string, Promise<MetadataResponse>>();
  /** Ids of topics that have been deleted: a broker that has not heard of it yet may still tell of them. */
  readonly #formerIds = new Set<string>();
  /** The id that a topic had when it was last there. */
  readonly #lastIds = new Map<string, string>();
  readonly #listeners = new Set<(topic: string) => void>();
  readonly #answers = new Set<(topic: string, error: ProtocolError | undefined) => void>();
  #closed = false;

  constructor(endpoint: Endpoint, clientId: string, time: Time) {
    this.endpoint = endpoint;
    this.time = time;
    this.#clientId = clientId;
    this.#connect = connector(endpoint, clientId, time);
  }

  /** A new connection for one purpose; made when it is first used. After `close` it is a closed one. */
  connection(address: Address): BrokerConnection {
    const advertised = !this.#isGiven(address);
    const way = { address, line: this.line(address), time: this.time };
    const connection = new BrokerConnection(
      way,
      this.#connect,
      this.#clientId,
      this.endpoint.ssl !== undefined,
      advertised,
    );
    // Whatever is still under way must not open one again: it would keep the process alive.
    if (this.#closed) connection.close();
    else this.#connections.add(connection);
    return connection;
  }

  /** What is known of the way to a broker. */
  line(address: Address): LineRate {
    const key = shownAddress(address);
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, line = new LineRate());
    return line;
  }

  /** Ends a connection that `connection` gave. */
  release(connection: BrokerConnection | undefined): void {
    if (connection === undefined) return;
    connection.close();
    this.#connections.delete(connection);
  }

  /** Where a node is. Errors: `UNREACHABLE` when the metadata does not know it. */
  node(nodeId: number): Address {
    const address = this.#nodes.get(nodeId);
    if (address) return address;
    throw new MephistoError("UNREACHABLE", `Broker ${nodeId} is not in the cluster's metadata.`);
  }

  /**
   * The node that leads a partition; -1 while there is none, and while the metadata does not say where it is: topics are
   * asked for one by one, so that of another one a leader may still be kept that has gone.
   */
  leader(topic: string, partition: number): number {
    const nodeId = this.#topics.get(topic)?.leaders[partition] ?? -1;
    return this.#nodes.has(nodeId) ? nodeId : -1;
  }

  topic(name: string): TopicState | undefined {
    return this.#topics.get(name);
  }

  /**
   * Calls `listener` whenever a topic that was known is gone, is there again, is another one of the same name, or has
   * another number of partitions.
   */
  onChange(listener: (topic: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Calls `listener` with each answer about a topic: why it is refused to us, or that it is not. */
  onAnswer(listener: (topic: string, refused: ProtocolError | undefined) => void): void {
    this.#answers.add(listener);
  }

  /** Asks for the state of topics, and of the cluster. A topic that is gone is forgotten. Errors: `UNREACHABLE`, `PROTOCOL`. */
  async refresh(topics: readonly string[]): Promise<MetadataResponse> {
    const key = topics.join("\n");
    const running = this.#refreshing.get(key);
    if (running) return await running;
    const asking = this.#refresh(topics).finally(() => this.#refreshing.delete(key));
    this.#refreshing.set(key, asking);
    return await asking;
  }

  /** The state of a topic; asks when it is not known. Errors: `UNKNOWN_TOPIC`, `UNREACHABLE`. */
  async known(topic: string): Promise<TopicState> {
    if (!this.#topics.has(topic)) await this.refresh([topic]);
    const state = this.#topics.get(topic);
    if (state) return state;
    throw new MephistoError("UNKNOWN_TOPIC", `There is no topic ${topic}. A worker creates the topics of its actors.`);
  }

  /** Creates the topics that are missing and waits for their leaders; gives the number of partitions of each. */
  async ensureTopics(specs: readonly TopicSpec[], within = 10_000): Promise<Map<string, number>> {
    const names = specs.map(({ topic }) => topic);
    await this.refresh(names);
    const missing = specs.filter(({ topic }) => !this.#topics.has(topic));
    if (missing.length > 0) await this.create(missing);
    const until = this.time.monotonic() + within;
    while (!names.every((name) => this.#topics.get(name)?.leaders.every((leader) => leader >= 0))) {
      if (this.time.monotonic() > until) {
        throw new MephistoError("UNREACHABLE", `Topics ${names.join(", ")} have no leaders yet.`);
      }
      await delay(20);
      await this.refresh(names);
    }
    return new Map(names.map((name) => [name, this.#topics.get(name)?.leaders.length ?? 0]));
  }

  /** Where the coordinator of a group, or of a transactional id, is. Errors: `PROTOCOL` while there is none, `UNREACHABLE`. */
  async coordinator(key: string, keyType: "group" | "transaction" = "group"): Promise<Address> {
    const { errorCode, host, port } = await this.ask(findCoordinator({ key, keyType }));
    check(errorCode, `Looking for the coordinator of ${keyType} ${key}`);
    return { host, port };
  }

  /** The connection to one broker that all requests share which wait for no other. */
  sharedConnection(address: Address): BrokerConnection {
    const key = shownAddress(address);
    let connection = this.#sharedConnections.get(key);
    if (connection === undefined) {
      connection = this.connection(address);
      this.#sharedConnections.set(key, connection);
    }
    return connection;
  }

  /** Asks any broker: the one that answered last, then the others that are known. Errors: `UNREACHABLE` and as `BrokerConnection.open`. */
  async ask<T>(call: Call<T>): Promise<T> {
    let failed: unknown;
    for (const address of this.#candidates()) {
      const connection = this.sharedConnection(address);
      try {
        const answer = await connection.send(call);
        this.#last = address;
        return answer;
      } catch (error) {
        // When all are away, what was given is what to look at.
        if (failed === undefined || this.#isGiven(address)) failed = error;
        if (!(error instanceof MephistoError) || error.code !== "UNREACHABLE") throw error;
        this.#sharedConnections.delete(shownAddress(address));
        this.release(connection);
      }
    }
    throw failed;
  }

  /** What is wrong with the broker that answered last, for people. */
  get warnings(): readonly string[] {
    const connection = this.#last && this.#sharedConnections.get(shownAddress(this.#last));
    return connection === undefined
      ? []
      : [tooOld((apiKey) => connection.newest(apiKey), shownAddress(connection.address)) ?? []].flat();
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    this.#sharedConnections.clear();
  }

  /** Whether the program was given this address. */
  #isGiven(address: Address): boolean {
    return this.endpoint.brokers.some((each) => shownAddress(each) === shownAddress(address));
  }

  #candidates(): Address[] {
    const all = new Map<string, Address>();
    const known = [...this.endpoint.brokers, ...this.#nodes.values()];
    for (const address of this.#last ? [this.#last, ...known] : known) all.set(shownAddress(address), address);
    return [...all.values()];
  }

  async #refresh(topics: readonly string[]): Promise<MetadataResponse> {
    const answer = await this.ask(metadata({ topics }));
    this.#nodes = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    let refused: ProtocolError | undefined;
    for (const { name, topicId, errorCode, partitions } of answer.topics) {
      if (name === null) continue;
      if (errorCode === Code.UNKNOWN_TOPIC_OR_PARTITION) this.#forget(name);
      const error = isTold(errorCode) ? undefined : new ProtocolError(errorCode, `Topic ${name}`);
      for (const listener of this.#answers) listener(name, error?.retriable ? undefined : error);
      refused ??= error; // what is said of the others is true all the same
      if (errorCode !== 0 || this.#formerIds.has(topicId)) continue;
      const leaders: number[] = new Array(partitions.length).fill(-1);
      for (const { partition, leaderId } of partitions) leaders[partition] = leaderId;
      this.#learn({ topic: name, topicId, leaders });
    }
    if (refused) throw refused;
    return answer;
  }

  /** Creates topics, unless they are there. Errors: `UNKNOWN_TOPIC` with the broker's reason, `NOT_AUTHORIZED`, `UNREACHABLE`. */
  async create(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) {
      if (spec.limitsOf !== undefined) await createWithLimits(this, spec, spec.limitsOf);
    }
    const topics = specs.filter(({ limitsOf }) => limitsOf === undefined).map(newTopic);
    if (topics.length === 0) return;
    const answer = await this.ask(createTopics({ topics, timeoutMs: CREATE_TIMEOUT_MS }));
    for (const { name, errorCode, errorMessage } of answer.topics) checkCreated(name, errorCode, errorMessage);
  }

  #learn(state: TopicState): void {
    const { topic, topicId, leaders } = state;
    const before = this.#topics.get(topic);
    // A topic never loses partitions: who says so has not heard of the new ones yet.
    if (before?.topicId === topicId && leaders.length < before.leaders.length) return;
    this.#topics.set(topic, state);
    const former = this.#lastIds.get(topic);
    if (former !== undefined && former !== topicId) this.#formerIds.add(former);
    this.#lastIds.set(topic, topicId);
    if (former === undefined) return;
    if (before?.topicId !== topicId || leaders.length !== before.leaders.length) this.#changed(topic);
  }

  #forget(topic: string): void {
    if (this.#topics.delete(topic)) this.#changed(topic);
  }

  #changed(topic: string): void {
    for (const listener of this.#listeners) listener(topic);
  }
}

/** Whether a topic's error code is an answer about the topic. */
function isTold(code: number): boolean {
  return code === 0 || code === Code.UNKNOWN_TOPIC_OR_PARTITION || code === Code.LEADER_NOT_AVAILABLE;
}
