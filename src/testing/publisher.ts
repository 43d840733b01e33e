import { MephistoError } from "../core/errors.ts";
import { partitionKey } from "../core/topic-partition.ts";
import type { OutgoingRecord, Publisher } from "../driver/driver.ts";
import type { Host } from "./host.ts";
import { isError, type LogError, type MemoryLog } from "./memory-log.ts";
import { ANSWER_MS, Line, type Network } from "./network.ts";

/** A message that is not acknowledged after this long has failed. */
const SEND_TIMEOUT_MS = 30_000;
/** So long a message waits for a topic that is gone to be created again. */
const TOPIC_TIMEOUT_MS = 15_000;
/** After a failure. */
const RETRY_PAUSE_MS = 100;
const MOST_A_BATCH = 500;

interface Sending {
  readonly record: OutgoingRecord;
  readonly until: number;
  resolve(): void;
  reject(error: MephistoError): void;
}

/** What waits to be sent to one partition: one batch is on its way at a time, so that none overtakes another. */
interface PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly waiting: Sending[];
  readonly line: Line;
  producerId: number | undefined;
  sequence: number;
  running: boolean;
}

/** Sends messages; one that is sent again is known by its number, so that it is not there twice. */
export class MemoryPublisher implements Publisher {
  readonly #log: MemoryLog;
  readonly #network: Network;
  readonly #host: Host;
  readonly #line: Line;
  readonly #queues = new Map<string, PartitionQueue>();
  readonly #counts = new Map<string, number>();
  #turn = 0;
  #pending = new Set<Promise<void>>();
  #closed = false;

  constructor(log: MemoryLog, network: Network, host: Host) {
    this.#log = log;
    this.#network = network;
    this.#host = host;
    this.#line = new Line(network, host);
  }

  send(record: OutgoingRecord): Promise<void> {
    const sent = this.#send(record);
    this.#pending.add(sent);
    const done = () => this.#pending.delete(sent);
    sent.then(done, done);
    return sent;
  }

  async flush(): Promise<void> {
    await Promise.allSettled([...this.#pending]);
  }

  close(): void {
    this.#closed = true;
    for (const { waiting } of this.#queues.values()) {
      for (const { reject } of waiting.splice(0)) {
        reject(new MephistoError("STOPPED", "The publisher has been closed."));
      }
    }
    this.#line.close();
  }

  /** How many partitions a topic has. Errors: `UNKNOWN_TOPIC`, `UNREACHABLE`. */
  async partitions(topic: string): Promise<number> {
    const known = this.#counts.get(topic);
    if (known !== undefined) return known;
    const count = await this.#line.call<number>(
      "Metadata",
      ANSWER_MS,
      (reply) => reply(this.#log.topics.get(topic)?.partitions.length ?? 0),
    );
    if (count === 0) throw unknownTopic(topic);
    this.#counts.set(topic, count);
    return count;
  }

  async #send(record: OutgoingRecord): Promise<void> {
    const until = this.#host.monotonic() + SEND_TIMEOUT_MS;
    for (let wasThere = false;;) {
      try {
        const count = await this.#persist(until, () => this.partitions(record.topic));
        wasThere = true;
        const queue = this.#queueOf(record.topic, partitionOf(record.key, count, () => this.#turn++));
        return await new Promise<void>((resolve, reject) => {
          queue.waiting.push({ record, until, resolve, reject });
          if (!queue.running) void this.#run(queue);
        });
      } catch (error) {
        // Deleted, or created again with fewer partitions: what is known of it is known no longer.
        const isGone = error instanceof MephistoError && error.code === "UNKNOWN_TOPIC";
        if (
          !isGone || !wasThere || this.#closed || this.#host.monotonic() > until - SEND_TIMEOUT_MS + TOPIC_TIMEOUT_MS
        ) {
          throw error;
        }
        this.#counts.delete(record.topic);
        await this.#host.sleep(RETRY_PAUSE_MS);
      }
    }
  }

  async #persist<T>(until: number, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        const mends = error instanceof MephistoError && error.code === "UNREACHABLE";
        if (!mends || this.#closed || this.#host.monotonic() > until) throw error;
        await this.#host.sleep(RETRY_PAUSE_MS);
      }
    }
  }

  #queueOf(topic: string, partition: number): PartitionQueue {
    const key = partitionKey({ topic, partition });
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      const line = new Line(this.#network, this.#host);
      queue = { topic, partition, waiting: [], line, producerId: undefined, sequence: 0, running: false };
      this.#queues.set(key, queue);
    }
    return queue;
  }

  async #run(queue: PartitionQueue): Promise<void> {
    queue.running = true;
    while (queue.waiting.length > 0 && !this.#closed) {
      const batch = queue.waiting.splice(0, MOST_A_BATCH);
      let error = await this.#deliver(queue, batch);
      if (error === "OUT_OF_ORDER_SEQUENCE_NUMBER") { // another log of the same name
        this.#numberAnew(queue);
        error = await this.#deliver(queue, batch);
      }
      // One that is too large is refused alone.
      if (error === "MESSAGE_TOO_LARGE" && batch.length > 1) {
        for (const one of batch) settle([one], await this.#deliver(queue, [one]));
      } else settle(batch, error);
    }
    queue.running = false;
  }

  async #deliver(queue: PartitionQueue, batch: readonly Sending[]): Promise<LogError | "SEND_TIMEOUT" | undefined> {
    const { topic, partition, line } = queue;
    const until = Math.min(...batch.map(({ until }) => until));
    const records = batch.map(({ record }) => record);
    try {
      const producerId = queue.producerId ??= await this.#persist(
        until,
        () => line.call<number>("InitProducerId", ANSWER_MS, (reply) => reply(this.#log.transactions.newProducerId())),
      );
      const { sequence } = queue;
      const batch = { records, producerId, epoch: 0, sequence, transactional: false };
      const append = { topic, partition, batch, transactionalId: undefined, topicId: undefined };
      const answer = await this.#persist(until, async () => {
        const answer = await line.call<number | LogError>(
          "Produce",
          ANSWER_MS,
          (reply) => reply(this.#log.append(append)),
        );
        if (answer !== "NOT_ENOUGH_REPLICAS") return answer;
        throw new MephistoError("UNREACHABLE", `${topic}[${partition}] has too few replicas in sync.`);
      });
      if (isError(answer)) return answer;
      queue.sequence += records.length;
      return undefined;
    } catch {
      // Whether it was appended is not known: what follows is numbered anew, by another producer.
      this.#numberAnew(queue);
      return "SEND_TIMEOUT";
    }
  }

  #numberAnew(queue: PartitionQueue): void {
    queue.producerId = undefined;
    queue.sequence = 0;
  }
}

/** A key's messages go to one partition; those without a key to all of them in turn. */
export function partitionOf(key: Uint8Array | null, count: number, turn: () => number): number {
  if (key === null) return turn() % count;
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % count;
}

export function unknownTopic(topic: string): MephistoError {
  return new MephistoError("UNKNOWN_TOPIC", `There is no topic ${topic}.`);
}

function settle(batch: readonly Sending[], error: LogError | "SEND_TIMEOUT" | undefined): void {
  for (const { record, resolve, reject } of batch) {
    if (error === undefined) resolve();
    else reject(errorOf(error, record.topic));
  }
}

/** What an error of the log means to whoever sends. */
export function errorOf(error: LogError | "SEND_TIMEOUT", topic: string): MephistoError {
  switch (error) {
    case "MESSAGE_TOO_LARGE":
    case "SEND_TIMEOUT":
      return new MephistoError(error, `A message to ${topic}: ${error}.`);
    case "UNKNOWN_TOPIC_OR_PARTITION":
      return unknownTopic(topic);
    default:
      return new MephistoError("PROTOCOL", `A message to ${topic}: ${error}.`);
  }
}
