import type { Clock } from "../../core/clock.ts";
import { asError, MephistoError } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import { BackgroundReports } from "../../core/background-reports.ts";
import type { OutgoingRecord, Publisher } from "../../driver/driver.ts";
import { maxRecordSize } from "../../wire/batch-builder.ts";
import { partitionForKey } from "../../wire/murmur2.ts";
import type { Batch } from "./batch.ts";
import type { Cluster, TopicState } from "../connection/cluster.ts";
import { packedWith } from "../../compression/compression.ts";
import { type FindParts, findTopic, stopped } from "./find-topic.ts";
import { PartitionQueue } from "./partition-queue.ts";
import { Pacer } from "../../core/delay.ts";
import { type ProducerOptions, Sender } from "./sender.ts";
import { TOPIC_CHECK_MS } from "./timeouts.ts";

/** Bytes of messages that are on their way or wait for it; more sends wait for room. */
const BUFFER_BYTES = 32 << 20;
/** Bytes of messages that wait for room, or for their topic; more are refused. */
const WAITING_BYTES = 128 << 20;
/** No broker takes more in one request. */
const MESSAGE_BYTES = 64 << 20;

interface Topic {
  topicId: string;
  readonly queues: PartitionQueue[];
  /** The partition whose turn is next among messages without a key. */
  turn: number;
  /** When to look whether it has more partitions, in ms of the monotonic clock. */
  checkAt: number;
}

interface Waiting {
  readonly record: OutgoingRecord;
  readonly size: number;
  readonly resolve: (sent: Promise<void>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * An idempotent producer. Messages gather in one batch a partition, which goes as soon as fewer than five requests are
 * on their way to the partition's leader: alone when there is little to do, in large batches when there is much.
 */
export class Producer implements Publisher {
  readonly #cluster: Cluster;
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #turns: Pacer;
  readonly #topics = new Map<string, Topic>();
  /** Sends that wait until their topic is known, in the order of their coming. */
  readonly #seeking = new Map<string, Waiting[]>();
  /** Queues of topics that are gone or have become others, until it is known where their messages go. */
  readonly #held = new Set<PartitionQueue>();
  /** Sends that wait for room. */
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #buffered = 0;
  #idle: (() => void)[] = [];
  readonly #stop = new AbortController();
  readonly #finding: FindParts;

  constructor(
    cluster: Cluster,
    options: ProducerOptions,
    logger: Logger,
    clock: Clock,
    troubles: BackgroundReports = new BackgroundReports(logger, clock),
  ) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#turns = new Pacer(clock);
    this.#finding = { cluster, clock, signal: this.#stop.signal };
    this.#sender = new Sender(cluster, options, logger, clock, troubles, (bytes) => this.#freed(bytes));
    cluster.onChange((topic) => this.#changed(topic));
  }

  send(record: OutgoingRecord): Promise<void> {
    const topic = this.#topics.get(record.topic);
    const size = maxRecordSize(record.key, record.value, record.headers);
    if (topic === undefined || this.#buffered + size > BUFFER_BYTES || this.#waiting.length > 0) {
      return this.#sendLater(record, size);
    }
    return this.#append(topic, record, size);
  }

  async flush(): Promise<void> {
    await this.#sender.flushNow(async () => {
      while (!this.#isIdle) {
        await new Promise<void>((resolve) => this.#idle.push(resolve));
      }
    });
  }

  get #isIdle(): boolean {
    return this.#buffered <= 0 && this.#waiting.length === 0 && this.#seeking.size === 0;
  }

  /** Ends at once: what has not been acknowledged fails with `STOPPED`. */
  close(): void {
    this.#stop.abort();
    this.#topics.clear();
    const error = new MephistoError("STOPPED", "The app has been stopped before the message was acknowledged.");
    this.#sender.close(error);
    for (const queue of this.#held) for (const batch of queue.clear()) batch.reject(error);
    this.#held.clear();
    const waiting = [...this.#seeking.values(), this.#waiting.splice(0)].flat();
    this.#seeking.clear();
    for (const { reject } of waiting) reject(error);
    this.#freed(this.#buffered);
  }

  #append(topic: Topic, record: OutgoingRecord, size: number): Promise<void> {
    const { compression } = record;
    const queue = this.#queueFor(topic, record.key);
    const open = compression === undefined ? queue.openFor(size) : undefined;
    const batch = open ?? this.#begun(topic, record.topic, queue, compression === undefined ? size : Infinity);
    if (compression !== undefined) batch.kind = packedWith(compression);
    const before = batch.count === 0 ? 0 : batch.builder.size;
    const sent = batch.append(record);
    this.#buffered += batch.builder.size - before;
    // A queue with messages has been offered, and is until it is empty or held.
    if (before === 0) this.#sender.offer(queue);
    return sent;
  }

  /** A new batch. Only here the clock is read, which would be a good part of what a message costs. */
  #begun(topic: Topic, name: string, queue: PartitionQueue, size: number): Batch {
    const now = this.#clock.monotonic();
    if (now > topic.checkAt) this.#check(name, topic, now);
    return queue.batchFor(size, now);
  }

  #queueFor(topic: Topic, key: Uint8Array | null): PartitionQueue {
    const { queues } = topic;
    const index = key === null ? topic.turn++ % queues.length : partitionForKey(key, queues.length);
    const queue = queues[index];
    if (queue === undefined) throw new Error("unreachable: a partition that the topic has not");
    return queue;
  }

  #sendLater(record: OutgoingRecord, size: number): Promise<void> {
    if (this.#stop.signal.aborted) return this.#turns.refusal(stopped());
    if (size > MESSAGE_BYTES) {
      return this.#turns.refusal(
        new MephistoError(
          "MESSAGE_TOO_LARGE",
          `A message of ${size} bytes for ${record.topic}: the most is ${MESSAGE_BYTES}.`,
        ),
      );
    }
    if (this.#waitingBytes + size > WAITING_BYTES) {
      return this.#turns.refusal(
        new MephistoError(
          "BUFFER_FULL",
          `More than ${
            WAITING_BYTES >> 20
          } MiB wait to be sent. Await what send() returns, at least for some of the messages.`,
        ),
      );
    }
    this.#waitingBytes += size;
    return new Promise<void>((resolve, reject) => {
      const waiting = { record, size, resolve, reject };
      if (this.#topics.has(record.topic)) this.#waiting.push(waiting);
      else this.#seek(waiting);
    });
  }

  /** Room for those that wait, in the order of their coming. */
  #freed(bytes: number): void {
    this.#buffered -= bytes;
    while (this.#waiting.length > 0) {
      const [next] = this.#waiting;
      if (next === undefined || this.#buffered + next.size > BUFFER_BYTES && this.#buffered > 0) break;
      this.#waiting.shift();
      const topic = this.#topics.get(next.record.topic);
      if (topic === undefined) this.#seek(next); // it has gone meanwhile
      else this.#admit(topic, next);
    }
    if (this.#isIdle) { for (const resolve of this.#idle.splice(0)) resolve(); }
  }

  #admit(topic: Topic, { record, size, resolve, reject }: Waiting): void {
    this.#waitingBytes -= size;
    try {
      resolve(this.#append(topic, record, size));
    } catch (error) {
      reject(error);
    }
  }

  /** Looks, aside, whether the topic has got more partitions. */
  #check(name: string, topic: Topic, now: number): void {
    topic.checkAt = now + TOPIC_CHECK_MS;
    this.#cluster.refresh([name]).catch(() => {}); // if the brokers are gone, sending says so
  }

  /** What is known of a topic has changed: what is kept of it shrinks as it grows. */
  #changed(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    const state = this.#cluster.topic(name);
    if (state !== undefined && state.leaders.length >= topic.queues.length && state.topicId === topic.topicId) {
      for (let more = topic.queues.length; more < state.leaders.length; more++) {
        topic.queues.push(new PartitionQueue(name, more));
      }
    } else if (state?.leaders.length === topic.queues.length) {
      // Another topic of as many partitions. The numbers go on: a new log takes any to begin with, and a batch that was
      // sent and not answered is there once, whichever topic it has come to.
      topic.topicId = state.topicId;
      for (const queue of topic.queues) queue.doubt();
    } else void this.#relocate(name, topic);
  }

  /**
   * The topic is gone, or another one with another number of partitions: what has not been written goes to the partitions
   * that there are, message by message, and what is sent meanwhile waits behind it, so that a key's messages keep their
   * order. Nothing of that begins before all that is in flight has been answered.
   */
  async #relocate(name: string, topic: Topic): Promise<void> {
    this.#topics.delete(name);
    // Also what waits for room: it came before what will be sent meanwhile.
    const waiting = this.#waiting.splice(0);
    this.#seeking.set(name, waiting.filter(({ record }) => record.topic === name));
    this.#waiting.push(...waiting.filter(({ record }) => record.topic !== name));
    for (const queue of topic.queues) this.#held.add(queue);
    try {
      await Promise.all(topic.queues.map((queue) => queue.hold()));
      const state = await findTopic(name, true, this.#finding);
      const same = state.leaders.length === topic.queues.length;
      const next = same ? { ...topic, topicId: state.topicId } : this.#begin(state);
      for (const queue of topic.queues) this.#held.delete(queue);
      if (same) { for (const queue of next.queues) this.#resume(queue); }
      else this.#redistribute(topic, next);
      this.#found(name, next);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#sender.renew();
      for (const queue of topic.queues) {
        this.#held.delete(queue);
        for (const batch of queue.clear()) {
          this.#buffered -= batch.builder.size;
          batch.reject(asError(error));
        }
      }
      this.#notFound(name, error);
    }
  }

  #resume(queue: PartitionQueue): void {
    queue.release();
    queue.doubt();
    if (!queue.empty) this.#sender.offer(queue);
  }

  #redistribute(from: Topic, to: Topic): void {
    this.#sender.renew();
    const now = this.#clock.monotonic();
    for (const old of from.queues.flatMap((queue) => queue.clear())) {
      this.#buffered -= old.builder.size;
      for (const parcel of old.unpack()) {
        const { key, value, headers } = parcel;
        const queue = this.#queueFor(to, key);
        const batch = queue.batchFor(old.kind === undefined ? maxRecordSize(key, value, headers) : Infinity, now);
        batch.kind = old.kind;
        const before = batch.count === 0 ? 0 : batch.builder.size;
        batch.adopt(parcel);
        this.#buffered += batch.builder.size - before;
        this.#sender.offer(queue);
      }
    }
  }

  /** Waits until the topic is known. */
  #seek(waiting: Waiting): void {
    const name = waiting.record.topic;
    const seeking = this.#seeking.get(name);
    if (seeking) return void seeking.push(waiting);
    this.#seeking.set(name, [waiting]);
    findTopic(name, false, this.#finding).then(
      (state) => this.#found(name, this.#begin(state)),
      (error: unknown) => this.#notFound(name, error),
    );
  }

  #begin({ topic, topicId, leaders }: TopicState): Topic {
    const queues = leaders.map((_, partition) => new PartitionQueue(topic, partition));
    // Each producer begins somewhere else, so that few messages of many producers are spread too.
    const turn = Math.floor(Math.random() * queues.length);
    return { topicId, queues, turn, checkAt: this.#clock.monotonic() + TOPIC_CHECK_MS };
  }

  /** Those that waited for the topic go on, before any that come later. */
  #found(name: string, topic: Topic): void {
    if (this.#stop.signal.aborted) return;
    const seeking = this.#seeking.get(name) ?? [];
    this.#seeking.delete(name);
    this.#topics.set(name, topic);
    for (const waiting of seeking) {
      const isFull = this.#buffered + waiting.size > BUFFER_BYTES && this.#buffered > 0;
      if (isFull || this.#waiting.length > 0) this.#waiting.push(waiting);
      else this.#admit(topic, waiting);
    }
    this.#freed(0);
    this.#changed(name); // meanwhile
  }

  #notFound(name: string, error: unknown): void {
    const seeking = this.#seeking.get(name) ?? [];
    this.#seeking.delete(name);
    for (const { size, reject } of seeking) {
      this.#waitingBytes -= size;
      reject(asError(error));
    }
    this.#freed(0);
  }
}
