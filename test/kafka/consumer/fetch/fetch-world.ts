/**
 * Brokers that keep fetch sessions by Kafka's own rules (FetchSession.scala, ReplicaManager.readFromLog), and lose answers,
 * sessions, connections and leaders as the dice fall.
 *
 * @module
 */
import { systemTime } from "../../../../src/core/delay.ts";
import { MephistoError } from "../../../../src/core/errors.ts";
import type { TopicPartition } from "../../../../src/driver/driver.ts";
import { Cluster, type TopicState } from "../../../../src/kafka/connection/cluster.ts";
import { Code } from "../../../../src/wire/error-codes.ts";
import { ConnectionLost } from "../../../../src/kafka/connection/errors.ts";
import { LineRate } from "../../../../src/kafka/connection/line-rate.ts";
import type { BrokerConnection } from "../../../../src/kafka/connection/broker-connection.ts";
import { Positions } from "../../../../src/kafka/consumer/positions.ts";
import { type Address, parseUrl } from "../../../../src/kafka/connection/url.ts";
import type { Call } from "../../../../src/wire/call.ts";
import { BatchBuilder } from "../../../../src/wire/batch-builder.ts";
import type { MetadataResponse } from "../../../../src/wire/requests/03-metadata.ts";
import { Reader } from "../../../../src/wire/reader.ts";

const NOT_LEADER_OR_FOLLOWER = 6;
const BROKERS = 2;
const NO_ERROR = { throttleTimeMs: 0, errorCode: 0 };

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed * 2654435761 >>> 0;
  return (sides) => {
    state = Math.imul(state ^ state >>> 15, state | 1);
    state ^= state + Math.imul(state ^ state >>> 7, state | 61);
    return ((state ^ state >>> 14) >>> 0) % sides;
  };
}

interface Partition {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

interface Asked {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly sessionId: number;
  readonly epoch: number;
  readonly partitions: Partition[];
  readonly forgotten: string[];
}

export const nameOf = (topicId: string, partition: number) => `${topicId}-${partition}`;

function readFetch(call: Call<unknown>): Asked {
  const r = new Reader(call.encode());
  r.skipTaggedFields();
  r.int32();
  const maxWaitMs = r.int32();
  r.int32();
  const maxBytes = r.int32();
  r.int8();
  const [sessionId, epoch] = [r.int32(), r.int32()];
  const partitions: Partition[] = [];
  r.compactArray(() => {
    const topicId = r.uuid();
    r.compactArray(() => {
      const partition = r.int32();
      r.int32();
      const offset = r.int64();
      r.int32();
      r.int64();
      partitions.push({ topicId, partition, offset, maxBytes: r.int32() });
      r.skipTaggedFields();
    });
    r.skipTaggedFields();
  });
  const forgotten: string[] = [];
  r.compactArray(() => {
    const topicId = r.uuid();
    r.compactArray(() => forgotten.push(nameOf(topicId, r.int32())));
    r.skipTaggedFields();
  });
  return { maxWaitMs, maxBytes, sessionId, epoch, partitions, forgotten };
}

/** What a session remembers of a partition: the high watermark that was told last decides whether it is told again. */
interface Cached extends Partition {
  told: number;
}

interface Session {
  epoch: number;
  readonly cached: Map<string, Cached>;
}

interface Pending {
  readonly node: number;
  readonly reject: (error: Error) => void;
}

/** A topic: of each partition its messages, by their sizes, and who leads it. */
interface Log {
  readonly topicId: string;
  readonly sizes: number[][];
  readonly leaders: number[];
}

export class World extends Cluster {
  readonly roll: (sides: number) => number;
  readonly partitions: number;
  now = 0;
  calm = false;
  keepsSessions = true;
  log: Log;
  readonly #known = new Map<string, TopicState>();
  readonly held = new Set<number>();
  readonly sessions = new Map<string, Session>();
  readonly pending = new Set<Pending>();
  readonly faults: string[] = [];
  requests = 0;
  #nextSession = 0;
  #topics = 0;

  constructor(seed: number, partitions: number) {
    super(parseUrl("kafka://nobody:1", "test"), "test", systemTime);
    this.roll = dice(seed);
    this.partitions = partitions;
    this.log = this.#newTopic();
    this.learn();
  }

  #newTopic(): Log {
    const all = Array.from({ length: this.partitions }, (_, n) => n);
    const topicId = (++this.#topics).toString(16).padStart(32, "0");
    return { topicId, sizes: all.map(() => []), leaders: all.map(() => this.roll(BROKERS)) };
  }

  recreate(): void {
    this.log = this.#newTopic();
  }

  learn(): void {
    const { topicId, leaders } = this.log;
    this.#known.set("t", { topic: "t", topicId, leaders: [...leaders] });
  }

  override leader(topic: string, partition: number): number {
    return this.#known.get(topic)?.leaders[partition] ?? -1;
  }

  override topic(name: string): TopicState | undefined {
    return this.#known.get(name);
  }

  override node(id: number): Address {
    return { host: "nobody", port: id };
  }

  override async refresh(): Promise<MetadataResponse> {
    await this.passes(this.roll(20));
    if (!this.calm && this.roll(4) === 0) throw new ConnectionLost("nobody", "as the dice fell");
    this.learn();
    return { throttleTimeMs: 0, brokers: [], clusterId: null, controllerId: 0, topics: [] };
  }

  passes(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  override release(connection: BrokerConnection | undefined): void {
    connection?.close();
  }

  override connection({ port }: Address): BrokerConnection {
    const own = new Set<Pending>();
    let closed = false;
    const end = (error: Error) => {
      for (const each of [...own]) each.reject(error);
    };
    const connection: Pick<BrokerConnection, "line" | "address" | "send" | "close"> = {
      line: new LineRate(),
      address: { host: "nobody", port },
      send: <T>(call: Call<T>) =>
        new Promise<T>((resolve, fail) => {
          if (closed) return fail(new MephistoError("STOPPED", "It is closed."));
          const pending: Pending = {
            node: port,
            reject: (error) => {
              this.pending.delete(pending);
              own.delete(pending);
              fail(error);
            },
          };
          this.pending.add(pending);
          own.add(pending);
          const answered = (answer: unknown) => {
            if (this.pending.delete(pending) && own.delete(pending)) resolve(answer as T);
          };
          void this.#serve(port, readFetch(call), answered, () => own.has(pending));
        }),
      close: () => {
        closed = true;
        end(new MephistoError("STOPPED", "It is closed."));
      },
    };
    return connection as BrokerConnection;
  }

  async #serve(node: number, asked: Asked, answered: (answer: unknown) => void, isOpen: () => boolean) {
    this.requests++;
    for (const { partition, topicId } of asked.partitions) {
      if (!this.held.has(partition)) this.faults.push(`${nameOf(topicId, partition)} was asked for and is not held`);
    }
    const heldThen = new Set(this.held);
    await this.passes(this.roll(5));
    if (!isOpen() && this.roll(2) === 0) return; // it never came
    const failed = (errorCode: number) => answered({ ...NO_ERROR, errorCode, sessionId: 0, topics: [] });
    const session = this.#sessionOf(node, asked);
    if (typeof session === "number") return failed(session);
    for (const { partition } of session.cached.values()) {
      if (!heldThen.has(partition)) this.faults.push(`partition ${partition} stays in a session and is not held`);
    }
    const from = this.now;
    const isFull = asked.epoch <= 0;
    let topics = this.#read(node, session, asked, isFull);
    while (topics.bytes === 0 && !topics.hasError && this.now - from < asked.maxWaitMs && isOpen()) {
      await this.passes(5);
      topics = this.#read(node, session, asked, isFull);
    }
    let id = asked.sessionId;
    if (isFull) {
      id = this.keepsSessions ? ++this.#nextSession : 0;
      if (id > 0) this.sessions.set(`${node}/${id}`, session);
      session.epoch = 1;
    }
    if (this.calm || this.roll(40) > 0) {
      topics.told();
      return answered({ ...NO_ERROR, sessionId: id, topics: topics.answer });
    }
    answered({ ...NO_ERROR, throttleTimeMs: 1, sessionId: isFull ? 0 : id, topics: [] }); // for its quota
  }

  /** FetchManager.newContext: the session that a request is of, or why it has none. */
  #sessionOf(node: number, { sessionId, epoch, partitions, forgotten }: Asked): Session | number {
    const key = `${node}/${sessionId}`;
    if (epoch <= 0) {
      this.sessions.delete(key);
      return { epoch: 0, cached: new Map(partitions.map((at) => [nameOf(at.topicId, at.partition), cached(at)])) };
    }
    const session = this.sessions.get(key);
    if (session === undefined) return Code.FETCH_SESSION_ID_NOT_FOUND;
    if (session.epoch !== epoch) return Code.INVALID_FETCH_SESSION_EPOCH;
    if (!this.calm && this.roll(60) === 0) return Code.FETCH_SESSION_TOPIC_ID_ERROR;
    for (const at of partitions) {
      const name = nameOf(at.topicId, at.partition);
      session.cached.set(name, { ...at, told: session.cached.get(name)?.told ?? -1 });
    }
    for (const name of forgotten) session.cached.delete(name);
    if (session.cached.size === 0) this.sessions.delete(key);
    session.epoch++;
    return session;
  }

  #read(node: number, session: Session, { maxBytes }: Asked, isFull: boolean) {
    const answer: { topicId: string; partitions: unknown[] }[] = [];
    const after: (() => void)[] = [];
    let bytes = 0;
    let hasError = false;
    for (const [name, at] of session.cached) {
      const { topicId, partition } = at;
      const sizes = this.log.topicId === topicId ? this.log.sizes[partition] ?? [] : [];
      const errorCode = this.log.topicId !== topicId
        ? Code.UNKNOWN_TOPIC_ID
        : this.log.leaders[partition] !== node
        ? NOT_LEADER_OR_FOLLOWER
        : at.offset > sizes.length
        ? Code.OFFSET_OUT_OF_RANGE
        : 0;
      hasError ||= errorCode !== 0;
      const size = sizes[at.offset];
      const fits = errorCode === 0 && size !== undefined &&
        (bytes === 0 || size <= Math.min(at.maxBytes, maxBytes - bytes));
      const records = fits ? batch(topicId, partition, at.offset, size) : new Uint8Array(0);
      bytes += records.length;
      const highWatermark = errorCode === 0 ? sizes.length : -1;
      if (!isFull && !fits && errorCode === 0 && highWatermark === at.told) continue;
      after.push(() => {
        at.told = highWatermark;
        if (records.length > 0 && session.cached.delete(name)) session.cached.set(name, at); // the others are before it now
      });
      const found = { partition, errorCode, highWatermark, lastStableOffset: highWatermark, logStartOffset: 0 };
      answer.push({
        topicId,
        partitions: [{ ...found, aborted: [], preferredReadReplica: -1, diverging: undefined, records }],
      });
    }
    return { answer, bytes, hasError, told: () => after.forEach((run) => run()) };
  }

  /** Something goes wrong. */
  strike(): void {
    const partition = this.roll(this.partitions);
    switch (this.roll(4)) {
      case 0:
        this.log.leaders[partition] = this.roll(BROKERS);
        return;
      case 1: // sessions are evicted
        for (const key of [...this.sessions.keys()]) if (this.roll(2) === 0) this.sessions.delete(key);
        return;
      case 2: { // a connection is lost, before or after the broker has had the request
        const [first] = this.pending;
        first?.reject(new ConnectionLost("nobody", "as the dice fell", undefined, this.roll(2) === 0));
        return;
      }
      case 3:
        for (const each of [...this.pending]) {
          if (each.node === 0) each.reject(new ConnectionLost("nobody", "as the dice fell"));
        }
    }
  }
}

function cached(at: Partition): Cached {
  return { ...at, told: -1 };
}

const batches = new Map<string, Uint8Array>();

function batch(topicId: string, partition: number, offset: number, size: number): Uint8Array {
  const name = `${topicId}-${partition}-${offset}-${size}`;
  const known = batches.get(name);
  if (known) return known;
  const builder = new BatchBuilder();
  const head = new TextEncoder().encode(`${topicId} ${partition} ${offset};`);
  const value = new Uint8Array(Math.max(head.length, size - 200)).fill(32);
  value.set(head);
  builder.append(null, value, [], 1);
  const bytes = builder.build({ producerId: -1, producerEpoch: -1, baseSequence: -1 });
  new DataView(bytes.buffer, bytes.byteOffset).setBigInt64(0, BigInt(offset));
  batches.set(name, bytes);
  return bytes;
}

/** Positions that are not known at once. */
export class Earliest extends Positions {
  readonly #world: World;
  constructor(world: World) {
    super(world);
    this.#world = world;
  }
  override async earliest(at: TopicPartition): Promise<number> {
    await this.#world.passes(this.#world.roll(30));
    if (!this.#world.calm && this.#world.roll(3) === 0) {
      throw new MephistoError("NOT_AUTHORIZED", `As the dice fell, not to ${at.topic}.`);
    }
    return 0;
  }
}
