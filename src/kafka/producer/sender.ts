import type { Clock } from "../../core/clock.ts";
import { asError, describeThrown, MephistoError, messageOf } from "../../core/errors.ts";
import { groupBy } from "../../core/group-by.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import type { BackgroundReports, Report } from "../../core/background-reports.ts";
import type { CodecName } from "../../wire/codec.ts";
import { initProducerId } from "../../wire/requests/22-init-producer-id.ts";
import { produce, produceById, type ProducedPartition, type ProduceResponse } from "../../wire/requests/00-produce.ts";
import type { Batch, BatchKind, Identity } from "./batch.ts";
import { BatchOutcomes } from "./batch-outcomes.ts";
import type { Cluster } from "../connection/cluster.ts";
import { packedWith } from "../../compression/compression.ts";
import { check, ConnectionLost } from "../connection/errors.ts";
import { shownRate } from "../connection/line-rate.ts";
import type { BrokerConnection } from "../connection/broker-connection.ts";
import type { PartitionQueue } from "./partition-queue.ts";
import { SendWindow } from "./send-window.ts";
import { shownAddress } from "../connection/url.ts";
import { BACKOFF } from "../../core/backoff.ts";
import { delay, startTimer } from "../../core/delay.ts";
import { LogThrottle } from "../../core/log-throttle.ts";
import { partitionName } from "../../core/topic-partition.ts";
import { WriteAccess } from "./write-access.ts";
import { ANSWER_TIMEOUT_MS, REPLICAS_TIMEOUT_MS } from "./timeouts.ts";

/** Requests on their way to one broker. The broker remembers the last five batches of a producer, to know repetitions. */
const IN_FLIGHT = 5;
/** An outage that is over within this time is not told. */
const OUTAGE_GRACE_MS = 900;
/** The version of Produce from which on topics are given by their ids. */
const BY_ID = 13;
/** How long a message may be under way, with all its retries. */
const DELIVERY_TIMEOUT_MS = 120_000;

export interface ProducerOptions {
  /** How long to wait for more messages before a batch is sent, in ms; 0: at once. */
  readonly linger: number;
  readonly compression: CodecName | undefined;
}

interface Sent {
  readonly queue: PartitionQueue;
  readonly batch: Batch;
}

/** The way to one broker. */
interface Node {
  readonly id: number;
  readonly connection: BrokerConnection;
  readonly window: SendWindow;
  inFlight: number;
}

/** Takes batches from queues of partitions to their leaders, as often as it takes. */
export class Sender {
  readonly #cluster: Cluster;
  readonly #options: ProducerOptions;
  readonly #kind: BatchKind;
  readonly #logger: Logger;
  readonly #clock: Clock;
  /** Tells of bytes that are no longer on their way. */
  readonly #freed: (bytes: number) => void;
  readonly #offered = new Set<PartitionQueue>();
  readonly #nodes = new Map<number, Node>();
  /** By broker: how much may be on its way, which outlives the connections. */
  readonly #windows = new Map<number, SendWindow>();
  readonly #logSlow: (sentence: string) => void;
  readonly #stop = new AbortController();
  #identity: Identity | undefined;
  readonly #report: Report;
  readonly #outcomes: BatchOutcomes;
  /** Why messages wait, if they do. */
  #trouble = "";
  readonly #logFault: (sentence: string) => void;
  #scheduled = false;
  #hurried = 0;
  #cancel: (() => void) | undefined;
  #repairing = false;

  constructor(
    cluster: Cluster,
    options: ProducerOptions,
    logger: Logger,
    clock: Clock,
    troubles: BackgroundReports,
    freed: (bytes: number) => void,
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#kind = packedWith(options.compression);
    this.#logger = logger;
    this.#clock = clock;
    this.#freed = freed;
    this.#logSlow = new LogThrottle((sentence) => logger.warn(sentence), clock).log;
    this.#report = troubles.of("Sending", {
      graceMs: OUTAGE_GRACE_MS,
      meaning: "Messages wait to be sent.",
      back: "Messages are sent again",
      always: true,
    });
    this.#outcomes = new BatchOutcomes({
      access: new WriteAccess(cluster, troubles, logger, this.#stop.signal),
      logger,
      clock,
      freed,
      retry: (queue) => this.#offered.add(queue),
      accepted: () => {
        if (this.#report.trouble === undefined) return;
        this.#trouble = "";
        this.#report.over();
      },
    });
    this.#logFault = new LogThrottle((sentence) => logger.error(sentence, { code: "INTERNAL" }), clock).log;
  }

  /** A queue has something to send. */
  offer(queue: PartitionQueue): void {
    this.#offered.add(queue);
    if (this.#scheduled) return;
    if (this.#options.linger === 0 || this.#hurried > 0) {
      this.#scheduled = true;
      queueMicrotask(this.#flush);
    } else this.#cancel ??= startTimer(this.#options.linger, this.#flush);
  }

  /**
   * Queues that begin after this have another producer id. What an older queue of the same partition may still have on its
   * way bears the id before: with the same numbers one of the two would be taken for the other's copy.
   */
  renew(): void {
    this.#identity = undefined;
  }

  /** Does not wait for more messages while this lasts: not for company to those that are still to come, either. */
  async flushNow(whileThis: () => Promise<void>): Promise<void> {
    this.#hurried++;
    try {
      this.#flush();
      await whileThis();
    } finally {
      this.#hurried--;
    }
  }

  close(error: Error): void {
    this.#stop.abort();
    this.#cancel?.();
    for (const { connection } of this.#nodes.values()) this.#cluster.release(connection);
    for (const queue of this.#offered) {
      for (const batch of queue.clear()) batch.reject(error);
    }
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#offered.size === 0 || this.#stop.signal.aborted) return;
    if (this.#identity === undefined) return this.#repair();
    const identity = this.#identity;
    const now = this.#clock.monotonic();
    let troubled = false;
    let more = false;
    const requests = new Map<Node, Sent[]>();
    const later: PartitionQueue[] = [];
    for (const queue of this.#offered) {
      if (queue.empty || queue.held) {
        this.#offered.delete(queue);
        continue;
      }
      try {
        const node = this.#nodeOf(queue);
        troubled ||= node === undefined || queue.needsIdentity || queue.notBefore > now;
        if (node === undefined || node.inFlight >= IN_FLIGHT || queue.needsIdentity || !queue.sendable(now)) continue;
        if (node.window.isFull) continue; // it goes when an answer has come
        const batch = queue.take(identity, this.#kind);
        if (batch === undefined) continue;
        node.window.sent(batch.builder.size);
        if (node.window.isFull) later.push(queue);
        more ||= queue.sendable(now) && !node.window.isFull;
        const sent = requests.get(node);
        if (sent) sent.push({ queue, batch });
        else requests.set(node, [{ queue, batch }]);
      } catch (error) {
        this.#fault(queue, error);
        queue.notBefore = now + BACKOFF.topic.longestMs;
        troubled = true;
      }
    }
    for (const queue of later) { // the others first, next time
      this.#offered.delete(queue);
      this.#offered.add(queue);
    }
    for (const [node, sent] of requests) void this.#send(node, sent);
    // Another batch of the same partition goes in a request of its own, as soon as the first: nobody offers it again.
    if (more && !this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(this.#flush);
    }
    if (troubled) this.#repair();
  };

  /** None of what calls this throws as long as our code is right. It is told, and keeps nothing else from being sent. */
  #fault({ topic, partition }: PartitionQueue, error: unknown): MephistoError {
    const why = `which is a fault of Mephisto: ${describeThrown(error)}`;
    const fault = new MephistoError("INTERNAL", `Sending to ${topic}[${partition}] has failed, ${why}.`, {
      cause: error,
    });
    this.#logFault(fault.message);
    return fault;
  }

  #nodeOf({ topic, partition }: PartitionQueue): Node | undefined {
    const id = this.#cluster.leader(topic, partition);
    const known = this.#nodes.get(id);
    if (known || id < 0) return known;
    const window = this.#windows.get(id) ?? new SendWindow();
    this.#windows.set(id, window);
    const node = { id, connection: this.#cluster.connection(this.#cluster.node(id)), window, inFlight: 0 };
    this.#nodes.set(id, node);
    return node;
  }

  async #send(node: Node, sent: readonly Sent[]): Promise<void> {
    node.inFlight++;
    const bytes = sent.reduce((sum, { batch }) => sum + batch.builder.size, 0);
    const began = this.#clock.monotonic();
    try {
      // By its id, where the broker has that: of a topic that is another one by now nothing is written by mistake.
      const byId = node.connection.newest(0) >= BY_ID;
      const nameOf = (topic: string) => byId ? this.#cluster.topic(topic)?.topicId ?? "" : topic;
      const topics = [...groupBy(sent, ({ queue }) => queue.topic)].map(([topic, group]) => ({
        topic: nameOf(topic),
        partitions: group.map(({ queue, batch }) => ({
          partition: queue.partition,
          batch: batch.bytes ?? new Uint8Array(),
        })),
      }));
      const named = sent.map((each) => ({ ...each, name: nameOf(each.queue.topic) }));
      const request = { timeoutMs: REPLICAS_TIMEOUT_MS, topics };
      const answer = await node.connection.send(byId ? produceById(request) : produce(request), ANSWER_TIMEOUT_MS);
      node.window.answered(bytes);
      const outcomes = outcomesOf(answer);
      for (const { queue, batch, name } of named) {
        try {
          this.#outcomes.answered(queue, batch, outcomes(name, queue.partition));
        } catch (error) {
          this.#outcomes.refuse(queue, batch, this.#fault(queue, error));
        }
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#logger.debug(`Sending to broker ${node.id} failed: ${messageOf(error)}`, codeField(error));
      this.#waits(error);
      if (error instanceof ConnectionLost && error.silent) this.#slow(node, this.#clock.monotonic() - began);
      node.window.lost(bytes);
      if (this.#nodes.get(node.id) === node) this.#nodes.delete(node.id);
      this.#cluster.release(node.connection);
      for (const { queue, batch } of sent) this.#outcomes.retry(queue, batch);
    }
    node.inFlight--;
    this.#flush();
  }

  /** Nothing came for too long, though much was on its way. */
  #slow({ id, connection, window }: Node, ms: number): void {
    const rate = window.bytes / ms * 1000;
    if (!window.halve()) return;
    this.#logSlow(
      `Broker ${id} at ${shownAddress(connection.address)} takes messages slowly, less than ${shownRate(rate)}: ` +
        `sending it less at a time.`,
    );
  }

  /** Whatever keeps queues from being sent: no identity, no leader, a pause after a failure, or too long a wait. */
  #repair(): void {
    if (this.#repairing || this.#stop.signal.aborted) return;
    this.#repairing = true;
    void this.#repairAll().finally(() => {
      this.#repairing = false;
      this.#flush();
    });
  }

  async #repairAll(): Promise<void> {
    try {
      this.#identity ??= await this.#newIdentity();
      const queues = [...this.#offered];
      const wait = Math.min(...queues.map(({ notBefore }) => notBefore)) - this.#clock.monotonic();
      if (queues.some((queue) => queue.attempts > 0 || this.#nodeOf(queue) === undefined)) {
        // Never at once: a partition may be without a leader for minutes.
        await delay(Math.max(BACKOFF.topic.firstMs, wait), this.#stop.signal);
        await this.#cluster.refresh([...new Set(queues.map(({ topic }) => topic))]);
      } else await delay(Math.max(1, wait), this.#stop.signal);
      for (const queue of queues) if (queue.needsIdentity) queue.renew(await this.#newIdentity());
    } catch (error) {
      this.#logger.debug(`Sending waits: ${messageOf(error)}`, codeField(error));
      this.#waits(error);
      await delay(BACKOFF.topic.longestMs / 4, this.#stop.signal);
    }
    this.#expire();
  }

  #waits(error: unknown): void {
    this.#trouble = messageOf(error);
    this.#report.failed(asError(error));
  }

  async #newIdentity(): Promise<Identity> {
    const answer = await this.#cluster.ask(initProducerId({ transactionalId: null, transactionTimeoutMs: 60_000 }));
    check(answer.errorCode, "Asking for a producer id");
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch };
  }

  #expire(): void {
    const before = this.#clock.monotonic() - DELIVERY_TIMEOUT_MS;
    for (const queue of this.#offered) {
      for (const batch of queue.expire(before)) {
        this.#freed(batch.builder.size);
        batch.reject(
          new MephistoError(
            "SEND_TIMEOUT",
            `${batch.count} messages for ${partitionName(queue)} were not acknowledged within ${
              DELIVERY_TIMEOUT_MS / 1000
            } s.${this.#trouble === "" ? "" : ` ${this.#trouble}`}`,
          ),
        );
      }
    }
  }
}

function outcomesOf({ topics }: ProduceResponse): (topic: string, partition: number) => ProducedPartition | undefined {
  const outcomes = new Map(topics.map(({ topic, partitions }) => [
    topic,
    new Map(partitions.map((outcome) => [outcome.partition, outcome])),
  ]));
  return (topic, partition) => outcomes.get(topic)?.get(partition);
}
