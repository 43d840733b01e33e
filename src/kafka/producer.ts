import type { Clock } from "../core/clock.ts";
import { MephistoError, messageOf, waitingMends } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Publisher, Record } from "../driver/driver.ts";
import { maxRecordSize } from "../wire/batch-builder.ts";
import { partitionForKey } from "../wire/murmur2.ts";
import type { Cluster } from "./cluster.ts";
import { packedWith } from "./compression.ts";
import { PartitionQueue } from "./partition-queue.ts";
import { Backoff, pause } from "../core/pause.ts";
import { type ProducerOptions, Sender } from "./sender.ts";

/** Bytes of messages that are on their way or wait for it; more sends wait for room. */
const BUFFER_BYTES = 32 << 20;
/** Bytes of messages that wait for room; more are refused. */
const WAITING_BYTES = 128 << 20;
/** No broker takes more in one request. */
const MESSAGE_BYTES = 64 << 20;
/** How often it is looked whether a topic has more partitions, in ms. */
const CHECK_INTERVAL = 30_000;
/** How long a first send to a topic waits until the topic is known, in ms. */
const TOPIC_TIMEOUT = 15_000;

interface Topic {
  readonly queues: PartitionQueue[];
  /** The partition whose turn is next among messages without a key. */
  turn: number;
  /** When to look whether it has more partitions, in ms of the monotonic clock. */
  checkAt: number;
}

interface Waiting {
  readonly record: Record;
  readonly size: number;
  readonly resolve: (sent: Promise<void>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * An idempotent producer. Messages gather in one batch a partition, which goes as soon as fewer than five requests are
 * on their way to the partition's leader: alone when there is little to do, in large batches when there is much.
 */
export class Producer implements Publisher {
  readonly #cluster: Cluster;
  readonly #sender: Sender;
  readonly #clock: Clock;
  readonly #topics = new Map<string, Topic>();
  readonly #finding = new Map<string, Promise<void>>();
  /** Sends that wait until their topic is known. */
  #seeking = 0;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #buffered = 0;
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(cluster: Cluster, options: ProducerOptions, logger: Logger, clock: Clock) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#sender = new Sender(cluster, options, logger, clock, (bytes) => this.#freed(bytes));
  }

  send(record: Record): Promise<void> {
    const topic = this.#topics.get(record.topic);
    const size = maxRecordSize(record.key, record.value, record.headers);
    if (topic === undefined || this.#buffered + size > BUFFER_BYTES || this.#waiting.length > 0) {
      return this.#sendLater(record, size);
    }
    return this.#append(topic, record, size);
  }

  async flush(): Promise<void> {
    await this.#sender.hurry(async () => {
      while (!this.#isIdle) {
        await new Promise<void>((resolve) => this.#idle.push(resolve));
      }
    });
  }

  get #isIdle(): boolean {
    return this.#buffered <= 0 && this.#waiting.length === 0 && this.#seeking === 0;
  }

  /** Ends at once: what has not been acknowledged fails with `STOPPED`. */
  close(): void {
    this.#closed = true;
    this.#topics.clear();
    const error = new MephistoError("STOPPED", "The app has been stopped before the message was acknowledged.");
    this.#sender.close(error);
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#freed(this.#buffered);
  }

  #append(topic: Topic, record: Record, size: number): Promise<void> {
    const { key, compression } = record;
    const { queues } = topic;
    const index = key === null ? topic.turn++ % queues.length : partitionForKey(key, queues.length);
    const queue = queues[index];
    if (queue === undefined) throw new Error("unreachable: a partition that the topic has not");
    const now = this.#clock.monotonic();
    if (now > topic.checkAt) this.#check(record.topic, topic, now);
    const batch = queue.batchFor(compression === undefined ? size : Infinity, now); // of a size that goes alone
    if (compression !== undefined) batch.kind = packedWith(compression);
    const before = batch.count === 0 ? 0 : batch.builder.size;
    const sent = batch.append(record);
    this.#buffered += batch.builder.size - before;
    this.#sender.offer(queue);
    return sent;
  }

  async #sendLater(record: Record, size: number): Promise<void> {
    if (this.#closed) throw stopped();
    if (size > MESSAGE_BYTES) {
      throw new MephistoError(
        "MESSAGE_TOO_LARGE",
        `A message of ${size} bytes for ${record.topic}: the most is ${MESSAGE_BYTES}.`,
      );
    }
    if (!this.#topics.has(record.topic)) {
      this.#seeking++;
      try {
        await this.#find(record.topic);
      } finally {
        this.#seeking--;
        this.#freed(0);
      }
      return await this.send(record);
    }
    if (this.#waitingBytes + size > WAITING_BYTES) {
      throw new MephistoError(
        "BUFFER_FULL",
        `More than ${
          WAITING_BYTES >> 20
        } MiB wait to be sent. Await what send() returns, at least for some of the messages.`,
      );
    }
    this.#waitingBytes += size;
    await new Promise<void>((resolve, reject) => this.#waiting.push({ record, size, resolve, reject }));
  }

  /** Room for those that wait, in the order of their coming. */
  #freed(bytes: number): void {
    this.#buffered -= bytes;
    while (this.#waiting.length > 0) {
      const [next] = this.#waiting;
      if (next === undefined || this.#buffered + next.size > BUFFER_BYTES && this.#buffered > 0) break;
      this.#waiting.shift();
      this.#waitingBytes -= next.size;
      const topic = this.#topics.get(next.record.topic);
      if (topic) next.resolve(this.#append(topic, next.record, next.size));
    }
    if (this.#isIdle) { for (const resolve of this.#idle.splice(0)) resolve(); }
  }

  /** Looks, aside, whether the topic has got more partitions. */
  #check(name: string, topic: Topic, now: number): void {
    topic.checkAt = now + CHECK_INTERVAL;
    this.#cluster.refresh([name]).then(() => {
      const count = this.#cluster.topic(name)?.leaders.length ?? 0;
      for (let more = topic.queues.length; more < count; more++) topic.queues.push(new PartitionQueue(name, more));
    }, () => {}); // if the brokers are gone, sending says so
  }

  #find(topic: string): Promise<void> {
    let finding = this.#finding.get(topic);
    if (finding === undefined) {
      finding = this.#findTopic(topic).finally(() => {
        this.#finding.delete(topic);
      });
      this.#finding.set(topic, finding);
    }
    return finding;
  }

  async #findTopic(name: string): Promise<void> {
    const until = this.#clock.monotonic() + TOPIC_TIMEOUT;
    const backoff = new Backoff(50, 1000);
    for (;;) {
      try {
        const { leaders } = await this.#cluster.known(name);
        const queues = leaders.map((_, partition) => new PartitionQueue(name, partition));
        if (this.#closed) throw stopped();
        // Each producer begins somewhere else, so that few messages of many producers are spread too.
        const turn = Math.floor(Math.random() * queues.length);
        this.#topics.set(name, { queues, turn, checkAt: this.#clock.monotonic() + CHECK_INTERVAL });
        return;
      } catch (error) {
        if (this.#closed) throw stopped();
        if (!waitingMends(error) || this.#clock.monotonic() > until) {
          throw error instanceof MephistoError
            ? error
            : new MephistoError("PROTOCOL", messageOf(error), { cause: error });
        }
        await pause(backoff.next());
      }
    }
  }
}

function stopped(): MephistoError {
  return new MephistoError("STOPPED", "The app has been stopped.");
}
