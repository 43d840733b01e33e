import type { Clock } from "../core/clock.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import { groupBy } from "../core/group-by.ts";
import type { Instant } from "../core/lease.ts";
import { Backoff, pause } from "../core/pause.ts";
import type { MayTry } from "../driver/master-log.ts";
import type { Call } from "../wire/call.ts";
import { ERROR_CODES } from "../wire/error-codes.ts";
import type { ProduceRequest, ProduceResponse } from "../wire/requests/00-produce.ts";
import type { Batch, BatchKind, Identity } from "./batch.ts";
import type { Cluster } from "./cluster.ts";
import { Code } from "./codes.ts";
import { ProtocolError } from "./errors.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import { notMaster } from "./persist.ts";

/** Requests on their way to one broker. The broker remembers the last five batches of a producer, to know repetitions. */
const IN_FLIGHT = 5;
/** A request grows to this size, in bytes. */
const REQUEST_BYTES = 4 << 20;
/** How long the broker waits for its replicas, in ms; and we for it. */
const REPLICAS_TIMEOUT = 10_000;
const ANSWER_TIMEOUT = 15_000;

/** A broker that lets this part of the time pass without an answer is slow; one that does not was given too much. */
const SILENCE = 0.25;

/** What became of a partition's messages. */
export interface Written {
  /** The offset of the first. */
  readonly first: number;
  /** The offset after the last. */
  readonly end: number;
  /** When the last batch was appended, in ms since the epoch; -1 where the topic keeps the producer's time. */
  readonly appended: number;
  /** Before that, by our clocks, and after it. */
  readonly sent: Instant;
  readonly answered: Instant;
}

export interface Way {
  readonly cluster: Cluster;
  readonly links: Links;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly kind: BatchKind;
  readonly mayTry: MayTry;
  /** When to give up, on the monotonic clock in ms. */
  readonly until: number;
  /** The request; topics are named as `wireName` names them. */
  readonly request: (request: Pick<ProduceRequest, "timeoutMs" | "topics">) => Call<ProduceResponse>;
  readonly wireName: (topic: string) => string;
  /** After the metadata was asked for: why a topic cannot be written to any more. */
  readonly refusal: (topic: string) => MephistoError | undefined;
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
  way: Way,
): Promise<ReadonlyMap<PartitionQueue, Written>> {
  const writing = new Writing(queues, way);
  const late = setTimeout(() => writing.giveUp(), Math.max(0, way.until - way.clock.monotonic()));
  try {
    return await writing.run();
  } finally {
    clearTimeout(late);
  }
}

interface Sent {
  readonly queue: PartitionQueue;
  readonly batch: Batch;
  /** Of its topic, in the request and in the answer. */
  readonly name: string;
}

class Writing {
  readonly #queues: readonly PartitionQueue[];
  readonly #way: Way;
  readonly #written = new Map<PartitionQueue, Written>();
  readonly #firstSent = new Map<Batch, Instant>();
  readonly #inFlight = new Map<Link, number>();
  readonly #busy = new Backoff(1, 10); // the markers of the transaction before are being written
  readonly #away = new Backoff(20, 500);
  readonly #ended = Promise.withResolvers<void>();
  #over = false;
  #repairing = false;
  #trouble = "";
  /** When the last answer came, and the longest time without one, in ms: as long as they come, nothing is wrong. */
  #answeredAt: number;
  #silence = 0;
  readonly #begunAt: number;

  constructor(queues: readonly PartitionQueue[], way: Way) {
    this.#queues = queues;
    this.#way = way;
    this.#begunAt = this.#answeredAt = way.clock.monotonic();
  }

  async run(): Promise<ReadonlyMap<PartitionQueue, Written>> {
    this.#flush();
    await this.#ended.promise;
    return this.#written;
  }

  giveUp(): void {
    this.#heard();
    if (this.#trouble === "" && this.#silence < SILENCE * (this.#way.until - this.#begunAt)) {
      return this.#fail(
        new MephistoError("BUFFER_FULL", "A tick has sent more than can be written while one transaction may last."),
      );
    }
    this.#fail(
      new MephistoError(
        "UNREACHABLE",
        `The messages of a tick could not be written in time: ${this.#trouble || "slow"}.`,
      ),
    );
  }

  #heard(): void {
    const now = this.#way.clock.monotonic();
    this.#silence = Math.max(this.#silence, now - this.#answeredAt);
    this.#answeredAt = now;
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    for (const [link, count] of this.#inFlight) if (count > 0) this.#way.links.drop(link);
    this.#ended.reject(error);
  }

  #flush(): void {
    if (this.#over) return;
    if (this.#queues.every((queue) => queue.empty)) {
      this.#over = true;
      return this.#ended.resolve();
    }
    const now = this.#way.clock.monotonic();
    const requests = new Map<Link, { sent: Sent[]; bytes: number }>();
    for (const queue of this.#queues) {
      if (queue.empty || !queue.sendable(now)) continue;
      const link = this.#leader(queue);
      if (link === undefined) {
        this.#repair(this.#away.next(), true);
        continue;
      }
      const request = requests.get(link) ?? { sent: [], bytes: 0 };
      if ((this.#inFlight.get(link) ?? 0) >= IN_FLIGHT || request.bytes > REQUEST_BYTES) continue;
      const batch = queue.take(this.#way.identity, this.#way.kind);
      if (batch === undefined) continue;
      request.sent.push({ queue, batch, name: this.#way.wireName(queue.topic) });
      request.bytes += batch.bytes?.length ?? 0;
      requests.set(link, request);
    }
    for (const [link, { sent }] of requests) void this.#send(link, sent);
    // What did not fit goes at once in the next.
    if ([...requests.values()].some(({ bytes }) => bytes > REQUEST_BYTES)) queueMicrotask(() => this.#flush());
  }

  #leader({ topic, partition }: PartitionQueue): Link | undefined {
    const { cluster, links } = this.#way;
    const nodeId = cluster.leader(topic, partition);
    if (nodeId >= 0) return links.to(cluster.node(nodeId));
    this.#trouble = `${topic}[${partition}] has no leader`;
    return undefined;
  }

  async #send(link: Link, sent: readonly Sent[]): Promise<void> {
    const { request, mayTry } = this.#way;
    this.#inFlight.set(link, (this.#inFlight.get(link) ?? 0) + 1);
    const topics = [...groupBy(sent, ({ name }) => name)].map(([topic, group]) => ({
      topic,
      partitions: group.map(({ queue, batch }) => ({
        partition: queue.partition,
        batch: batch.bytes ?? new Uint8Array(),
      })),
    }));
    try {
      await link.open();
      if (this.#over) return;
      if (!mayTry()) throw notMaster();
      const now = this.#now();
      for (const { batch } of sent) if (!this.#firstSent.has(batch)) this.#firstSent.set(batch, now);
      const answer = await link.send(request({ timeoutMs: REPLICAS_TIMEOUT, topics }), ANSWER_TIMEOUT);
      this.#inFlight.set(link, (this.#inFlight.get(link) ?? 1) - 1);
      this.#heard();
      for (const each of sent) this.#answered(each, answer);
    } catch (error) {
      if (this.#over) return;
      if (!(error instanceof MephistoError) || error.code !== "UNREACHABLE") {
        return this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
      this.#trouble = messageOf(error).replace(/\.$/, "");
      this.#way.links.drop(link);
      this.#inFlight.delete(link);
      for (const { queue, batch } of sent) queue.failed(batch);
      this.#repair(this.#away.next(), true);
    }
    this.#flush();
  }

  #answered({ queue, batch, name }: Sent, answer: ProduceResponse): void {
    const { topic, partition } = queue;
    const partitions = answer.topics.find((each) => each.topic === name)?.partitions;
    const { errorCode, baseOffset, logAppendTimeMs } = partitions?.find((each) => each.partition === partition) ??
      { errorCode: Code.LEADER_NOT_AVAILABLE, baseOffset: -1, logAppendTimeMs: -1 };
    switch (errorCode) {
      case Code.NONE: {
        const answered = this.#now();
        const sent = this.#firstSent.get(batch) ?? answered;
        queue.written(batch);
        this.#firstSent.delete(batch);
        const first = this.#written.get(queue)?.first ?? baseOffset; // they are written in order
        this.#written.set(queue, { first, end: baseOffset + batch.count, appended: logAppendTimeMs, sent, answered });
        return;
      }
      case Code.MESSAGE_TOO_LARGE:
      case Code.RECORD_LIST_TOO_LARGE:
        return this.#fail(
          batch.count > 1 ? new BatchTooLarge(topic) : new MephistoError(
            "MESSAGE_TOO_LARGE",
            `A message of ${batch.builder.size} bytes is larger than topic ${topic} accepts (max.message.bytes).`,
          ),
        );
      case Code.OUT_OF_ORDER_SEQUENCE_NUMBER:
        // Of a batch behind one that failed this is what had to come. Of the first it means that something is missing.
        if (queue.isFirst(batch)) break;
        return queue.failed(batch);
    }
    const error = new ProtocolError(errorCode, `Writing to ${topic}[${partition}]`);
    if (errorCode !== Code.OUT_OF_ORDER_SEQUENCE_NUMBER && ERROR_CODES.get(errorCode)?.retriable) {
      this.#trouble = messageOf(error).replace(/\.$/, "");
      queue.failed(batch);
      const busy = errorCode === Code.CONCURRENT_TRANSACTIONS;
      const wait = busy ? this.#busy.next() : this.#away.next();
      queue.notBefore = this.#way.clock.monotonic() + wait;
      this.#repair(wait, !busy);
    } else this.#fail(error);
  }

  /** Sends again after a pause; after most errors the leaders are asked for first. */
  #repair(wait: number, refresh: boolean): void {
    if (this.#repairing) return;
    this.#repairing = true;
    void this.#repaired(wait, refresh).finally(() => {
      this.#repairing = false;
      this.#flush();
    });
  }

  async #repaired(wait: number, refresh: boolean): Promise<void> {
    const { cluster, links, refusal, clock } = this.#way;
    const topics = [...new Set(this.#queues.filter((queue) => !queue.empty).map(({ topic }) => topic))];
    await pause(wait, links.closed);
    if (links.closed.aborted) return this.#fail(new MephistoError("STOPPED", "The publisher has been closed."));
    if (!refresh || this.#over) return;
    try {
      await cluster.refresh(topics);
      for (const topic of topics) {
        const refused = refusal(topic);
        if (refused) return this.#fail(refused);
      }
    } catch (error) {
      this.#trouble = messageOf(error).replace(/\.$/, "");
    }
    const rest = Math.max(0, ...this.#queues.map(({ notBefore }) => notBefore - clock.monotonic()));
    await pause(rest, links.closed);
  }

  #now(): Instant {
    return { monotonic: this.#way.clock.monotonic(), wall: this.#way.clock.wall() };
  }
}
