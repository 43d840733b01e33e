import type { Acknowledgements } from "../../../core/acknowledgements.ts";
import { ByteBudget } from "../../../core/byte-budget.ts";
import type { Clock } from "../../../core/clock.ts";
import { codeField, type Logger } from "../../../core/logger.ts";
import { isRetriable, MephistoError, messageOf } from "../../../core/errors.ts";
import type { Supervisor } from "../../../core/supervisor.ts";
import { BackgroundReports } from "../../../core/background-reports.ts";
import type { Delivery } from "../../../driver/driver.ts";
import { Code, errorName } from "../../../wire/error-codes.ts";
import { fetch, type FetchResponse } from "../../../wire/requests/01-fetch.ts";
import { AnswerSize } from "./answer-size.ts";
import type { Cluster } from "../../connection/cluster.ts";
import { check, ConnectionLost, ProtocolError } from "../../connection/errors.ts";
import { Deliveries } from "./deliveries.ts";
import { FetchTroubles } from "./fetch-troubles.ts";
import { FetchNode, Poller } from "./fetch-node.ts";
import { FetchRoom, LEAST_WAITING_BYTES } from "./fetch-room.ts";
import type { FetchSession } from "./fetch-session.ts";
import { shownRate } from "../../connection/line-rate.ts";
import type { BrokerConnection } from "../../connection/broker-connection.ts";
import { delay } from "../../../core/delay.ts";
import { PositionResets, RETRY_MS } from "./position-resets.ts";
import type { Positions } from "../positions.ts";
import { type Reading, Readings } from "./reading.ts";
import { LogThrottle } from "../../../core/log-throttle.ts";
import { partitionName } from "../../../core/topic-partition.ts";
import { shownAddress } from "../../connection/url.ts";

/** How long the broker waits for something to send when there is nothing. */
const LONG_POLL_MS = 500;
/** Beside that, how long nothing may move before an answer is given up. */
const SILENCE_TIMEOUT_MS = 5000;
/** The same while a partition is left out for want of room: it may have room any moment. */
const SHORT_POLL = 20;
/** The most of one partition in one answer; a single larger batch comes all the same. */
const PARTITION_BYTES = 1 << 20;
/** The most in one answer. */
const ANSWER_BYTES = 8 << 20;
/** The broker does not know the session as we do: all is said again. */
const SESSION_IS_OVER: ReadonlySet<number> = new Set([
  Code.FETCH_SESSION_ID_NOT_FOUND,
  Code.INVALID_FETCH_SESSION_EPOCH,
  Code.FETCH_SESSION_TOPIC_ID_ERROR,
]);

/** Reads committed messages of the partitions it is told to, by one long poll a broker, into bounded buffers. */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #supervisor: Supervisor | undefined;
  readonly #readings = new Readings();
  readonly #troubles: FetchTroubles;
  readonly #deliveries: Deliveries;
  readonly #resets: PositionResets;
  readonly #nodes = new Map<number, FetchNode>();
  /** By broker: how much to ask for, which outlives the connections. */
  readonly #sizes = new Map<number, AnswerSize>();
  readonly #stop = new AbortController();
  readonly #budget: ByteBudget;
  readonly #room: FetchRoom;
  readonly #logSlow: (sentence: string) => void;
  #refreshing: Promise<void> | undefined;

  constructor(
    cluster: Cluster,
    positions: Positions,
    deliver: (delivery: Delivery) => void,
    logger: Logger,
    clock: Clock,
    supervisor?: Supervisor,
    budget: ByteBudget = new ByteBudget(),
    troubles: BackgroundReports = new BackgroundReports(logger, clock),
  ) {
    this.#troubles = new FetchTroubles(troubles);
    this.#cluster = cluster;
    this.#budget = budget;
    this.#room = new FetchRoom(budget, this.#readings);
    this.#logger = logger;
    this.#clock = clock;
    this.#supervisor = supervisor;
    this.#logSlow = new LogThrottle((sentence) => logger.warn(sentence), clock).log;
    this.#deliveries = new Deliveries({
      budget,
      deliver,
      mayWait: () => this.#room.share,
      place: (reading) => this.#place(reading),
      wake: (nodeId) => this.#nodes.get(nodeId)?.wake(),
      corrupt: (reading, offset, error) => this.#resets.corrupt(reading, offset, error),
    });
    this.#resets = new PositionResets({
      cluster,
      positions,
      readings: this.#readings,
      troubles: this.#troubles,
      logger,
      forget: (reading) => this.#deliveries.forget(reading),
      pause: (reading, ms) => this.#pause(reading, ms),
      refresh: () => this.#refresh(),
    });
  }

  /** Begins to read a partition at the position of its acknowledgements. */
  add(acks: Acknowledgements): void {
    const { topic, topicId, partition, position } = acks;
    this.remove(acks);
    const reading: Reading = {
      topic,
      partition,
      acks,
      topicId,
      position,
      leaderEpoch: acks.leaderEpoch,
      waiting: 0,
      inTopic: this.#readings.inTopic(topic),
      notBefore: 0,
      version: 0,
      nodeId: -1,
      session: undefined,
    };
    this.#readings.add(reading);
    this.#locate(reading);
  }

  /** Stops reading a partition; what has come of it is not delivered any more. */
  remove(partition: { topic: string; partition: number }): void {
    const reading = this.#readings.get(partition);
    if (reading === undefined) return;
    this.#deliveries.forget(reading);
    this.#nodes.get(reading.nodeId)?.remove(reading);
    this.#readings.delete(reading);
    this.#troubles.drop(reading);
    this.#troubles.forgetBrokers(() => this.#leaders());
  }

  close(): void {
    this.#stop.abort();
    for (const nodeId of [...this.#nodes.keys()]) this.#drop(nodeId);
  }

  /** A partition to the broker that leads it. */
  #locate(reading: Reading): void {
    if (this.#stop.signal.aborted) return;
    const leader = this.#cluster.leader(reading.topic, reading.partition);
    if (leader !== reading.nodeId) this.#nodes.get(reading.nodeId)?.remove(reading);
    reading.nodeId = leader;
    if (leader < 0) return void this.#refresh();
    if (!this.#nodes.has(leader)) this.#begin(leader);
    this.#place(reading);
  }

  #begin(nodeId: number): void {
    const address = this.#cluster.node(nodeId);
    const poller = () => new Poller(this.#cluster.connection(address), this.#cluster.time);
    const size = this.#sizes.get(nodeId) ?? new AnswerSize(LEAST_WAITING_BYTES, ANSWER_BYTES);
    this.#sizes.set(nodeId, size);
    const node = new FetchNode(nodeId, [poller(), poller()], size);
    this.#nodes.set(nodeId, node);
    const { signal } = this.#stop;
    const name = `The fetching from broker ${nodeId}`;
    for (const poller of node.pollers) {
      const loop = () => this.#loop(node, poller);
      void (this.#supervisor?.loop(name, loop, { signal }) ?? loop());
    }
  }

  #drop(nodeId: number): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    this.#nodes.delete(nodeId);
    for (const { connection } of node.pollers) this.#cluster.release(connection);
    node.wake();
    for (const reading of this.#readings.all()) {
      if (reading.nodeId !== nodeId) continue;
      node.remove(reading);
      reading.nodeId = -1;
    }
  }

  /** Where a partition belongs whose room, or whose time, may be another one now. */
  #place(reading: Reading, isItsTurn = false): void {
    const node = this.#nodes.get(reading.nodeId);
    if (node === undefined) return;
    const now = this.#clock.monotonic();
    const waits = !isItsTurn && reading.waiting === 0 && this.#budget.full && node.comesLater(reading);
    node.place(reading, !waits && this.#room.has(reading, now), now);
  }

  async #loop(node: FetchNode, poller: Poller): Promise<void> {
    let poll = SHORT_POLL;
    const { session, connection } = poller;
    while (!this.#stop.signal.aborted && this.#nodes.get(node.id) === node) {
      const now = this.#clock.monotonic();
      for (const reading of node.due(session, now, this.#room.now())) this.#place(reading, true);
      node.takeFresh(session);
      if (session.size === 0) {
        await poller.sleep(node.untilDue(now, LONG_POLL_MS));
        continue;
      }
      session.isUnderWay = true;
      try {
        const request = this.#request(node, session, node.leavesOut ? poll : LONG_POLL_MS);
        const answer = await connection.send(request, LONG_POLL_MS + SILENCE_TIMEOUT_MS);
        session.isUnderWay = false;
        const bytes = this.#take(answer, session);
        this.#troubles.brokerAnswered(node.id);
        this.#measure(node, connection, bytes);
        poll = bytes > 0 ? SHORT_POLL : Math.min(poll * 2, LONG_POLL_MS);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof MephistoError)) throw error; // a fault of ours
        // Where the other connection has failed, this one is closed by that: no failure of its own.
        if (this.#nodes.get(node.id) !== node) return;
        this.#logger.debug(`Fetching from broker ${node.id} failed: ${messageOf(error)}`, codeField(error));
        this.#troubles.brokerFailed(node.id, error);
        if (error instanceof ConnectionLost && error.silent) this.#lost(node, connection);
        this.#drop(node.id);
        this.#refresh();
      } finally {
        session.isUnderWay = false;
      }
    }
  }

  /** An answer has come: how much the next may bring. */
  #measure(node: FetchNode, { line, address }: BrokerConnection, bytes: number): void {
    node.size.came(bytes, line.bytesPerSecond);
    if (bytes / (line.bytesPerSecond ?? Infinity) * 1000 < SILENCE_TIMEOUT_MS) return;
    this.#logSlow(
      `Broker ${node.id} at ${shownAddress(address)} sends slowly, ${shownRate(line.bytesPerSecond)}: ` +
        `asking it for less at a time.`,
    );
  }

  #lost(node: FetchNode, { line, address }: BrokerConnection): void {
    node.size.lost();
    this.#logSlow(
      `Broker ${node.id} at ${shownAddress(address)} sent nothing for too long, after ${
        shownRate(line.bytesPerSecond)
      }: ` +
        `asking it again, for less at a time.`,
    );
  }

  #request(node: FetchNode, session: FetchSession, maxWaitMs: number) {
    const asked = session.next(Math.min(PARTITION_BYTES, this.#room.share));
    // Without room little comes, though at least one batch: in turn for all of which nothing waits.
    const { full, limit } = this.#budget;
    // All brokers together may send half of what there is.
    const most = full ? 0 : Math.min(node.size.bytes, limit / Math.max(8, 4 * this.#nodes.size));
    const maxBytes = Math.max(LEAST_WAITING_BYTES, Math.floor(most));
    return fetch({ maxWaitMs, minBytes: 1, maxBytes, isolationLevel: "read_committed", ...asked });
  }

  /** Delivers what has come; says how many bytes that were. */
  #take(answer: FetchResponse, session: FetchSession): number {
    if (SESSION_IS_OVER.has(answer.errorCode)) {
      if (answer.errorCode === Code.FETCH_SESSION_ID_NOT_FOUND) session.begin(0);
      else session.begin(); // which ends the one that the broker has: it keeps only so many
      return 0;
    }
    check(answer.errorCode, "Fetching");
    let bytes = 0;
    for (const { topicId, partitions } of answer.topics) {
      for (const fetched of partitions) {
        const reading = this.#readings.byId(topicId, fetched.partition);
        if (reading === undefined || !session.isAwaited(reading)) continue; // not wanted any more
        bytes += fetched.records.length;
        if (fetched.errorCode === 0 && this.#troubles.any) this.#troubles.over(reading);
        if (fetched.errorCode !== 0) this.#trouble(reading, fetched.errorCode);
        else if (fetched.diverging) this.#resets.diverged(reading, fetched.diverging.endOffset);
        else if (fetched.records.length > 0) this.#deliveries.receive(reading, fetched);
      }
    }
    session.answered(answer.sessionId);
    return bytes;
  }

  /** It is not asked for, for so many ms. */
  #pause(reading: Reading, ms: number): void {
    reading.notBefore = this.#clock.monotonic() + ms;
    this.#place(reading);
  }

  #once(run: () => Promise<void>): Promise<void> {
    return this.#supervisor?.once("Finding a new position", run, { signal: this.#stop.signal }) ?? run();
  }

  #trouble(reading: Reading, code: number): void {
    this.#pause(reading, RETRY_MS);
    switch (code) {
      case Code.OFFSET_OUT_OF_RANGE:
        // So it also says of an epoch that it knows nothing of: asked again without, it says what it means.
        if (reading.leaderEpoch >= 0) {
          reading.leaderEpoch = -1;
          return;
        }
        void this.#once(() => this.#resets.reset(reading, `offset ${reading.position} is out of the log's range`));
        break;
      case Code.UNKNOWN_TOPIC_ID:
      case Code.INCONSISTENT_TOPIC_ID:
      case Code.UNKNOWN_TOPIC_OR_PARTITION:
        void this.#once(() => this.#resets.compareTopic(reading));
        break;
      default: // the leader has moved, or will be back
        this.#logger.debug(`Fetching ${partitionName(reading)}: ${errorName(code)}`);
        this.#troubles.failed(reading, new ProtocolError(code, `A read of ${reading.topic}`));
        this.#refresh();
    }
  }

  #leaders(): number[] {
    return [...this.#readings.all()].map(({ topic, partition }) => this.#cluster.leader(topic, partition));
  }

  /** Asks where the leaders are, until it is known. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#locateLeaders().finally(() => {
      this.#refreshing = undefined;
      this.#troubles.forgetBrokers(() => this.#leaders());
      for (const reading of this.#readings.all()) this.#locate(reading);
    });
    return this.#refreshing;
  }

  async #locateLeaders(): Promise<void> {
    await delay(RETRY_MS / 5, this.#stop.signal);
    while (!this.#stop.signal.aborted) {
      try {
        await this.#cluster.refresh(this.#readings.topics());
        return;
      } catch (error) {
        this.#logger.debug(`The leaders are not known: ${messageOf(error)}`, codeField(error));
        await delay(RETRY_MS, this.#stop.signal);
        if (!isRetriable(error)) return; // what is said of the other topics is true all the same
      }
    }
  }
}
