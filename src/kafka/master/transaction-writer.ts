import type { Clock } from "../../core/clock.ts";
import { isRetriable, MephistoError, messageOf } from "../../core/errors.ts";
import { groupBy } from "../../core/group-by.ts";
import type { Instant } from "../../core/lease.ts";
import { BACKOFF, Backoff } from "../../core/backoff.ts";
import { partitionName } from "../../core/topic-partition.ts";
import { type MayTry, notMaster, TopicRefused, TopicsAway } from "../../driver/master-log.ts";
import type { Call } from "../../wire/call.ts";
import { Code, isRetriableCode } from "../../wire/error-codes.ts";
import type { ProducedPartition, ProduceRequest, ProduceResponse } from "../../wire/requests/00-produce.ts";
import type { Batch, BatchKind, Identity } from "../producer/batch.ts";
import type { Cluster } from "../connection/cluster.ts";
import { refusalOf, tooLarge } from "../connection/errors.ts";
import type { BrokerConnection } from "../connection/broker-connection.ts";
import type { ConnectionPool } from "../connection/connection-pool.ts";
import type { PartitionQueue } from "../producer/partition-queue.ts";
import { type Written, WrittenSoFar } from "./written.ts";
import { ANSWER_TIMEOUT_MS, REPLICAS_TIMEOUT_MS } from "../producer/timeouts.ts";

/** Requests on their way to one broker. The broker remembers the last five batches of a producer, to know repetitions. */
const IN_FLIGHT = 5;
/** A request grows to this size. */
const REQUEST_BYTES = 4 << 20;

/** A broker that lets this part of the time pass without an answer is slow; one that does not was given too much. */
const SILENCE = 0.25;

/** How a broker is written to, which depends on the versions that it serves. */
export interface ProduceVersion {
  readonly request: (request: Pick<ProduceRequest, "timeoutMs" | "topics">) => Call<ProduceResponse>;
  /** What a topic is called in the request and in its answer; undefined: nobody knows any more. */
  readonly wireName: (topic: string) => string | undefined;
}

export interface WriteOptions {
  readonly cluster: Cluster;
  readonly connections: ConnectionPool;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly kind: BatchKind;
  readonly mayTry: MayTry;
  /** When to give up, on the monotonic clock in ms. */
  readonly until: number;
  /** Without this topic nothing can be committed: when another one takes nothing, it alone is to blame. */
  readonly journal: string;
  /** How the broker that a connection is open to takes a Produce. */
  readonly produceVersion: (connection: BrokerConnection) => ProduceVersion;
  /** After the metadata was asked for: why a partition cannot be written to any more. */
  readonly refusal: (topic: string, partition: number) => MephistoError | undefined;
}

/** Several messages, together, are larger than the topic accepts: smaller batches may do. */
export class BatchTooLarge extends Error {
  readonly topic: string;

  constructor(topic: string) {
    super(`a batch for ${topic} is too large`);
    this.topic = topic;
  }
}

/**
 * Takes all that is in the queues to the leaders of their partitions, as the batches of one transaction. A repetition has
 * the same bytes, and so the same sequence. After an error nothing more is sent, and connections on which something is
 * unanswered are ended. Errors: `NOT_MASTER`, `MESSAGE_TOO_LARGE`, `UNREACHABLE` when it takes too long, `BUFFER_FULL` when
 * that is for too much of it, `PROTOCOL`, those of `refusal`; {@link BatchTooLarge}.
 */
export async function writeAll(
  queues: readonly PartitionQueue[],
  way: WriteOptions,
): Promise<ReadonlyMap<PartitionQueue, Written>> {
  const writing = new Writing(queues, way);
  const { time } = way.cluster;
  const cancel = time.startTimer(Math.max(0, way.until - way.clock.monotonic()), () => writing.giveUp());
  try {
    return await writing.run();
  } finally {
    cancel();
  }
}

interface Sent {
  readonly queue: PartitionQueue;
  readonly batch: Batch;
}

class Writing {
  readonly #queues: readonly PartitionQueue[];
  readonly #options: WriteOptions;
  readonly #written = new WrittenSoFar();
  readonly #inFlight = new Map<BrokerConnection, number>();
  readonly #busy = new Backoff(BACKOFF.transactionMarkers);
  readonly #away = new Backoff(BACKOFF.coordinator);
  readonly #ended = Promise.withResolvers<void>();
  /** What keeps a partition from being written. */
  readonly #trouble = new Map<PartitionQueue, string>();
  /** Partitions of which the metadata is to be asked for before they are tried again. */
  readonly #stale = new Set<PartitionQueue>();
  #over = false;
  #asking = false;
  #cancelAlarm = () => {};
  /** When the last answer came, and the longest time without one, in ms: as long as they come, nothing is wrong. */
  #answeredAt: number;
  #silence = 0;
  readonly #begunAt: number;

  constructor(queues: readonly PartitionQueue[], way: WriteOptions) {
    this.#queues = queues;
    this.#options = way;
    this.#begunAt = this.#answeredAt = way.clock.monotonic();
  }

  async run(): Promise<ReadonlyMap<PartitionQueue, Written>> {
    const { closed } = this.#options.connections;
    const stop = () => this.#fail(new MephistoError("STOPPED", "The publisher has been closed."));
    closed.addEventListener("abort", stop);
    try {
      if (closed.aborted) stop();
      this.#flush();
      await this.#ended.promise;
    } finally {
      closed.removeEventListener("abort", stop);
      this.#cancelAlarm();
    }
    return this.#written.all;
  }

  giveUp(): void {
    this.#heard();
    const [trouble] = this.#trouble.values();
    if (trouble === undefined && this.#silence < SILENCE * (this.#options.until - this.#begunAt)) {
      return this.#fail(
        new MephistoError("BUFFER_FULL", "A tick has sent more than can be written while one transaction may last."),
      );
    }
    const why = `The messages of a tick could not be written in time: ${trouble ?? "slow"}.`;
    const left = new Set(this.#queues.filter((queue) => !queue.empty).map(({ topic }) => topic));
    this.#fail(left.has(this.#options.journal) ? new MephistoError("UNREACHABLE", why) : new TopicsAway(left, why));
  }

  #heard(): void {
    const now = this.#options.clock.monotonic();
    this.#silence = Math.max(this.#silence, now - this.#answeredAt);
    this.#answeredAt = now;
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    for (const [connection, count] of this.#inFlight) if (count > 0) this.#options.connections.drop(connection);
    this.#ended.reject(error);
  }

  /** Sends what can be sent, and comes back when more can. */
  readonly #flush = (): void => {
    try {
      this.#send();
    } catch (error) {
      this.#fail(error);
    }
  };

  #send(): void {
    if (this.#over) return;
    const left = this.#queues.filter((queue) => !queue.empty);
    if (left.length === 0) {
      this.#over = true;
      return this.#ended.resolve();
    }
    const now = this.#options.clock.monotonic();
    this.#ask(left.filter((queue) => this.#stale.has(queue) && queue.notBefore <= now));
    const requests = new Map<BrokerConnection, { sent: Sent[]; bytes: number }>();
    for (const queue of left) {
      if (this.#stale.has(queue) || !queue.sendable(now)) continue;
      const connection = this.#leader(queue);
      if (connection === undefined) {
        this.#retry([queue], this.#away.next(), true, `${partitionName(queue)} has no leader`);
        continue;
      }
      const request = requests.get(connection) ?? { sent: [], bytes: 0 };
      if ((this.#inFlight.get(connection) ?? 0) >= IN_FLIGHT || request.bytes > REQUEST_BYTES) continue;
      const batch = queue.take(this.#options.identity, this.#options.kind);
      if (batch === undefined) continue;
      request.sent.push({ queue, batch });
      request.bytes += batch.bytes?.length ?? 0;
      requests.set(connection, request);
    }
    for (const [connection, { sent }] of requests) void this.#exchange(connection, sent);
    // What did not fit goes at once in the next.
    if ([...requests.values()].some(({ bytes }) => bytes > REQUEST_BYTES)) queueMicrotask(this.#flush);
    this.#setAlarm(Math.min(...left.map(({ notBefore }) => notBefore).filter((moment) => moment > now)), now);
  }

  #setAlarm(at: number, now: number): void {
    this.#cancelAlarm();
    // Rounded up: timers know whole milliseconds, and one that is early would find nothing to do.
    if (at < Infinity) this.#cancelAlarm = this.#options.cluster.time.startTimer(Math.ceil(at - now), this.#flush);
  }

  #leader({ topic, partition }: PartitionQueue): BrokerConnection | undefined {
    const { cluster, connections } = this.#options;
    const nodeId = cluster.leader(topic, partition);
    return nodeId < 0 ? undefined : connections.to(cluster.node(nodeId));
  }

  /** These are tried again after `wait` ms; `stale`: when it has been asked where they are. */
  #retry(queues: readonly PartitionQueue[], wait: number, stale: boolean, trouble: string): void {
    const moment = this.#options.clock.monotonic() + wait;
    for (const queue of queues) {
      queue.notBefore = moment;
      this.#trouble.set(queue, trouble.replace(/\.$/, ""));
      if (stale) this.#stale.add(queue);
    }
  }

  async #exchange(connection: BrokerConnection, sent: readonly Sent[]): Promise<void> {
    this.#inFlight.set(connection, (this.#inFlight.get(connection) ?? 0) + 1);
    try {
      await connection.open();
      if (this.#over) return;
      if (!this.#options.mayTry()) throw notMaster();
      const now = this.#now();
      for (const { batch } of sent) this.#written.sent(batch, now);
      const { request, wireName } = this.#options.produceVersion(connection);
      const topics = [...groupBy(sent, ({ queue }) => queue.topic)].map(([topic, group]) => ({
        topic,
        name: wireName(topic) ?? unknown(topic),
        partitions: group.map(({ queue, batch }) => ({
          partition: queue.partition,
          batch: batch.bytes ?? new Uint8Array(),
        })),
      }));
      const call = request({
        timeoutMs: REPLICAS_TIMEOUT_MS,
        topics: topics.map(({ name, partitions }) => ({ topic: name, partitions })),
      });
      const answer = await connection.send(call, ANSWER_TIMEOUT_MS);
      this.#inFlight.set(connection, (this.#inFlight.get(connection) ?? 1) - 1);
      this.#heard();
      const names = new Map(topics.map(({ topic, name }) => [name, topic]));
      this.#answered(sent, new Map(answer.topics.map(({ topic, partitions }) => [names.get(topic), partitions])));
    } catch (error) {
      if (this.#over) return;
      if (!(error instanceof MephistoError) || error.code !== "UNREACHABLE") return this.#fail(error);
      this.#options.connections.drop(connection);
      this.#inFlight.delete(connection);
      for (const { queue, batch } of sent) queue.failed(batch);
      this.#retry(sent.map(({ queue }) => queue), this.#away.next(), true, error.message);
    }
    this.#flush();
  }

  /** `answer`: by the topic. */
  #answered(sent: readonly Sent[], answer: ReadonlyMap<string | undefined, readonly ProducedPartition[]>): void {
    const busy: PartitionQueue[] = [], away: PartitionQueue[] = [];
    let trouble = "";
    for (const { queue, batch } of sent) {
      const { topic, partition } = queue;
      const found = answer.get(topic)?.find((one) => one.partition === partition);
      const errorCode = found?.errorCode ?? Code.LEADER_NOT_AVAILABLE;
      if (found?.errorCode === Code.NONE) {
        queue.written(batch);
        this.#trouble.delete(queue);
        this.#written.took(queue, batch, found, this.#now());
        continue;
      }
      if (errorCode === Code.MESSAGE_TOO_LARGE || errorCode === Code.RECORD_LIST_TOO_LARGE) {
        return this.#fail(batch.count > 1 ? new BatchTooLarge(topic) : tooLarge(topic, batch.builder.size));
      }
      // Of a batch behind one that failed this is what had to come. Of the first it means that something is missing.
      const outOfOrder = errorCode === Code.OUT_OF_ORDER_SEQUENCE_NUMBER;
      const error = refusalOf(queue, errorCode, found);
      // Of what stood beside one that was refused: it is that one's error which says whether it passes.
      const mayPass = errorCode === Code.OPERATION_NOT_ATTEMPTED || isRetriableCode(errorCode);
      if (outOfOrder ? queue.isFirst(batch) : !mayPass) return this.#fail(ofTopic(topic, error));
      queue.failed(batch);
      if (outOfOrder) continue;
      trouble = error.message;
      (errorCode === Code.CONCURRENT_TRANSACTIONS ? busy : away).push(queue);
    }
    if (busy.length > 0) this.#retry(busy, this.#busy.next(), false, trouble);
    if (away.length > 0) this.#retry(away, this.#away.next(), true, trouble);
  }

  /** Asks where partitions are, which are then tried again. */
  #ask(queues: readonly PartitionQueue[]): void {
    if (this.#asking || queues.length === 0) return;
    this.#asking = true;
    void this.#asked(queues).catch((error: unknown) => this.#fail(error)).finally(() => {
      this.#asking = false;
      this.#flush();
    });
  }

  async #asked(queues: readonly PartitionQueue[]): Promise<void> {
    const { cluster, refusal } = this.#options;
    const topics = [...new Set(queues.map(({ topic }) => topic))];
    try {
      await cluster.refresh(topics);
    } catch (error) {
      if (!isRetriable(error)) throw error;
      return this.#retry(queues, this.#away.next(), true, messageOf(error));
    }
    for (const queue of queues) {
      const refused = refusal(queue.topic, queue.partition);
      if (refused) throw refused;
      this.#stale.delete(queue);
    }
  }

  #now(): Instant {
    return { monotonic: this.#options.clock.monotonic(), wall: this.#options.clock.wall() };
  }
}

/** It was known when its leader was: somebody else has looked since. */
function unknown(topic: string): never {
  throw new MephistoError("UNREACHABLE", `Topic ${topic} is not known at the moment.`);
}

/** Whatever is written to a topic that we may not write to is refused, whoever wrote it. */
function ofTopic(topic: string, error: MephistoError): MephistoError {
  return error.code === "NOT_AUTHORIZED" ? new TopicRefused(topic, error.code, error.message, { cause: error }) : error;
}
