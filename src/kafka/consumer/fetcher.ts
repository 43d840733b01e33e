import type { Acknowledgements } from "../../core/acknowledgements.ts";
import { Buffer } from "node:buffer";
import { ByteBudget } from "../../core/byte-budget.ts";
import type { Clock } from "../../core/clock.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import { Run } from "../../core/message.ts";
import { asError, isRetriable, MephistoError, messageOf } from "../../core/errors.ts";
import type { Supervisor } from "../../core/supervisor.ts";
import { type Report, Troubles } from "../../core/troubles.ts";
import type { Delivery } from "../../driver/driver.ts";
import { errorName } from "../../wire/error-codes.ts";
import { fetch, type FetchedPartition, type FetchResponse } from "../../wire/requests/01-fetch.ts";
import { AbortIndex, decodeRecords } from "../../wire/records.ts";
import { AnswerSize } from "./answer-size.ts";
import { endOf, partsOf } from "./batches.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../connection/codes.ts";
import { codecs } from "../../compression/compression.ts";
import { check, ConnectionLost, ProtocolError } from "../connection/errors.ts";
import { FetchNode, Poller, type RoomNow } from "./fetch-node.ts";
import type { FetchSession } from "./fetch-session.ts";
import { shownRate } from "../connection/line.ts";
import type { Link } from "../connection/link.ts";
import { pause } from "../../core/pause.ts";
import type { Positions } from "./positions.ts";
import { keyOf, type Reading, Readings } from "./reading.ts";
import { Seldom } from "../../core/seldom.ts";
import { shownAddress } from "../connection/url.ts";

/** How long the broker waits for something to send when there is nothing, in ms. */
const LONG_POLL = 500;
/** Beside that, how long nothing may move before an answer is given up, in ms. */
const SILENCE = 5000;
/** The same while a partition is left out for want of room: it may have room any moment. */
const SHORT_POLL = 20;
/** The most of one partition in one answer, in bytes; a single larger batch comes all the same. */
const PARTITION_BYTES = 1 << 20;
/** The most in one answer, in bytes. */
const ANSWER_BYTES = 8 << 20;
/** A partition with more than this waiting for its handler is not fetched, in bytes; less if there are many. */
const WAITING_BYTES = 1 << 20;
const LEAST_WAITING_BYTES = 64 << 10;
/** So many partitions at least of a crowded topic are asked for when it is their turn. */
const AT_A_TURN = 16;
/** What is read at a time: as compressed as it may be, this is what its decompressed bytes come from. */
const PART_BYTES = 64 << 10;
/** What a message takes beside its bytes, roughly. */
const MESSAGE_BYTES = 100;
/** What waits of a partition may keep an answer of so many times its size in memory. */
const ANSWER_TIMES = 16;
/** After an error of a partition, in ms. */
const RETRY = 500;
/** The broker does not know the session as we do: all is said again. */
const SESSION_IS_OVER: ReadonlySet<number> = new Set([
  Code.FETCH_SESSION_ID_NOT_FOUND,
  Code.INVALID_FETCH_SESSION_EPOCH,
  Code.FETCH_SESSION_TOPIC_ID_ERROR,
]);

/** Reads committed messages of the partitions it is told to, by one long poll a broker, into bounded buffers. */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #positions: Positions;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #supervisor: Supervisor | undefined;
  readonly #readings = new Readings();
  readonly #troubles: Troubles;
  /** What has been reported as not to be had: partitions, and brokers. */
  readonly #troubled = new Set<Reading>();
  readonly #away = new Set<number>();
  readonly #nodes = new Map<number, FetchNode>();
  /** By broker: how much to ask for, which outlives the connections. */
  readonly #sizes = new Map<number, AnswerSize>();
  readonly #stop = new AbortController();
  readonly #budget: ByteBudget;
  readonly #tellSlow: (sentence: string) => void;
  #refreshing: Promise<void> | undefined;
  /** Counts up when a topic becomes crowded, or ceases to be. */
  #turns = 0;

  constructor(
    cluster: Cluster,
    positions: Positions,
    deliver: (delivery: Delivery) => void,
    logger: Logger,
    clock: Clock,
    supervisor?: Supervisor,
    budget: ByteBudget = new ByteBudget(),
    troubles: Troubles = new Troubles(logger, clock),
  ) {
    this.#troubles = troubles;
    this.#cluster = cluster;
    this.#budget = budget;
    this.#positions = positions;
    this.#deliver = deliver;
    this.#logger = logger;
    this.#clock = clock;
    this.#supervisor = supervisor;
    this.#tellSlow = new Seldom((sentence) => logger.warn(sentence), clock).tell;
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
    this.#forget(reading);
    this.#nodes.get(reading.nodeId)?.remove(reading);
    this.#readings.delete(reading);
    if (this.#troubled.delete(reading)) this.#reportOf(reading.topic).drop(String(reading.partition));
    this.#forgetAway();
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
    const poller = () => new Poller(this.#cluster.link(address));
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
    for (const { link } of node.pollers) this.#cluster.release(link);
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
    node.place(reading, !waits && this.#hasRoom(reading, now), now);
  }

  /** What there is room for, looked at before each request. */
  #room(): RoomNow {
    const { full, limit, held } = this.#budget;
    const { inTopics } = this.#readings;
    const share = limit / 2 / Math.max(1, inTopics.size);
    for (const topic of inTopics.values()) {
      const isCrowded = full && topic.waiting >= share;
      if (topic.isCrowded === isCrowded) continue;
      topic.isCrowded = isCrowded;
      this.#turns++;
    }
    return { isFull: full, turns: this.#turns, most: Math.max(AT_A_TURN, (limit - held) / LEAST_WAITING_BYTES) };
  }

  async #loop(node: FetchNode, poller: Poller): Promise<void> {
    let poll = SHORT_POLL;
    const { session, link } = poller;
    while (!this.#stop.signal.aborted && this.#nodes.get(node.id) === node) {
      const now = this.#clock.monotonic();
      for (const reading of node.due(session, now, this.#room())) this.#place(reading, true);
      node.takeFresh(session);
      if (session.size === 0) {
        await poller.sleep(node.untilDue(now, LONG_POLL));
        continue;
      }
      session.isUnderWay = true;
      try {
        const request = this.#request(node, session, node.leavesOut ? poll : LONG_POLL);
        const answer = await link.send(request, LONG_POLL + SILENCE);
        session.isUnderWay = false;
        const bytes = this.#take(answer, session);
        if (this.#away.delete(node.id)) this.#reportOf(`from broker ${node.id}`).over();
        this.#measure(node, link, bytes);
        poll = bytes > 0 ? SHORT_POLL : Math.min(poll * 2, LONG_POLL);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof MephistoError)) throw error; // a fault of ours
        // Where the other connection has failed, this one is closed by that: no failure of its own.
        if (this.#nodes.get(node.id) !== node) return;
        this.#logger.debug(`Fetching from broker ${node.id} failed: ${messageOf(error)}`, codeField(error));
        this.#away.add(node.id);
        this.#reportOf(`from broker ${node.id}`).failed(error);
        if (error instanceof ConnectionLost && error.silent) this.#lost(node, link);
        this.#drop(node.id);
        this.#refresh();
      } finally {
        session.isUnderWay = false;
      }
    }
  }

  /** An answer has come: how much the next may bring. */
  #measure(node: FetchNode, { line, address }: Link, bytes: number): void {
    node.size.came(bytes, line.bytesPerSecond);
    if (bytes / (line.bytesPerSecond ?? Infinity) * 1000 < SILENCE) return;
    this.#tellSlow(
      `Broker ${node.id} at ${shownAddress(address)} sends slowly, ${shownRate(line.bytesPerSecond)}: ` +
        `asking it for less at a time.`,
    );
  }

  #lost(node: FetchNode, { line, address }: Link): void {
    node.size.lost();
    this.#tellSlow(
      `Broker ${node.id} at ${shownAddress(address)} sent nothing for too long, after ${
        shownRate(line.bytesPerSecond)
      }: ` +
        `asking it again, for less at a time.`,
    );
  }

  #hasRoom({ waiting, notBefore, inTopic }: Reading, now: number): boolean {
    // Where nothing waits one batch may come all the same, unless much of the topic does: others, of another actor that is
    // slow, may have all the room there is.
    const room = waiting === 0 ? !inTopic.isCrowded : waiting < this.#share && !this.#budget.full;
    return room && notBefore <= now;
  }

  /** How much of a partition may wait: all together half of what there is, since the other half is for what is open. */
  get #share(): number {
    const share = this.#budget.limit / 2 / Math.max(1, this.#readings.size);
    return Math.max(LEAST_WAITING_BYTES, Math.min(WAITING_BYTES, Math.floor(share)));
  }

  #request(node: FetchNode, session: FetchSession, maxWaitMs: number) {
    const asked = session.next(Math.min(PARTITION_BYTES, this.#share));
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
        if (fetched.errorCode === 0 && this.#troubled.size > 0) this.#isBack(reading);
        if (fetched.errorCode !== 0) this.#trouble(reading, fetched.errorCode);
        else if (fetched.diverging) this.#diverged(reading, fetched.diverging.endOffset);
        else if (fetched.records.length > 0) this.#receive(reading, fetched);
      }
    }
    session.answered(answer.sessionId);
    return bytes;
  }

  #receive(reading: Reading, { records, aborted }: FetchedPartition): void {
    const parts = partsOf(ownBytes(records), PART_BYTES);
    let { position: from, leaderEpoch: epoch } = reading;
    const { version } = reading;
    const acknowledge = reading.acks.acknowledger();
    const readCommitted = new AbortIndex(aborted);
    try {
      for (const part of parts) {
        this.#deliver(this.#part(reading, part, from, readCommitted, acknowledge));
        if (reading.version !== version) break; // nothing that follows is wanted
        // Each from where it begins: what is before it may be in hand, and is not read again if this one is corrupt.
        const { lastOffset, leaderEpoch } = endOf(part);
        if (lastOffset < from) continue;
        if (leaderEpoch !== epoch) reading.acks.epochFrom(from, leaderEpoch);
        from = lastOffset + 1;
        epoch = leaderEpoch;
      }
    } finally {
      // What is not delivered is read again; where a part is corrupt, from there.
      if (reading.version === version) {
        reading.position = from;
        reading.leaderEpoch = epoch;
        this.#place(reading);
      }
    }
  }

  /** Some batches of an answer: decompressed when they are opened. */
  #part(
    reading: Reading,
    bytes: Uint8Array,
    from: number,
    readCommitted: AbortIndex,
    acknowledge: (next: number) => void,
  ): Delivery {
    const { version, topic, partition } = reading;
    const budget = this.#budget;
    let waiting = bytes.length;
    let open = 0;
    reading.waiting += waiting;
    reading.inTopic.waiting += waiting;
    budget.add(waiting);
    return {
      topic,
      partition,
      get bytes() {
        return open + waiting;
      },
      open: () => {
        if (reading.version !== version) return undefined;
        // A message that was in hand when the partition was lost may have been finished since it came back.
        const start = Math.max(from, reading.acks.position);
        const decoded = decodeRecords(bytes, { from: start, readCommitted, codecs });
        if (decoded.error) this.#corrupt(reading, decoded.nextOffset, decoded.error);
        open = decoded.unpacked + MESSAGE_BYTES * decoded.records.length;
        budget.add(open);
        return new Run(topic, partition, decoded.records, decoded.nextOffset, acknowledge);
      },
      close: () => {
        budget.release(open + waiting);
        if (reading.version === version) {
          reading.waiting -= waiting;
          reading.inTopic.waiting -= waiting;
        }
        open = waiting = 0;
        if (reading.version !== version || reading.waiting >= this.#share) return;
        this.#place(reading);
        if (reading.inTopic.isCrowded) this.#nodes.get(reading.nodeId)?.wake(); // another's turn may have come
      },
    };
  }

  /** What has come of a partition is not delivered any more, and no longer counts. */
  #forget(reading: Reading): void {
    reading.version++;
    reading.inTopic.waiting -= reading.waiting;
    reading.waiting = 0;
  }

  #corrupt(reading: Reading, offset: number, error: Error): void {
    this.#forget(reading);
    reading.position = offset;
    reading.leaderEpoch = -1;
    this.#pause(reading, 10 * RETRY);
    this.#logger.error(
      `${reading.topic}[${reading.partition}] at offset ${offset}: the broker sent a batch that cannot be read ` +
        `(${error.message}). The partition waits there; reading it again.`,
      { topic: reading.topic, partition: reading.partition, offset, code: "DECODE_FAILED" },
    );
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
    this.#pause(reading, RETRY);
    switch (code) {
      case Code.OFFSET_OUT_OF_RANGE:
        // So it also says of an epoch that it knows nothing of: asked again without, it says what it means.
        if (reading.leaderEpoch >= 0) {
          reading.leaderEpoch = -1;
          return;
        }
        void this.#once(() => this.#reset(reading, `offset ${reading.position} is out of the log's range`));
        break;
      case Code.UNKNOWN_TOPIC_ID:
      case Code.INCONSISTENT_TOPIC_ID:
      case Code.UNKNOWN_TOPIC_OR_PARTITION:
        void this.#once(() => this.#compareTopic(reading));
        break;
      default: // the leader has moved, or will be back
        this.#logger.debug(`Fetching ${keyOf(reading)}: ${errorName(code)}`);
        this.#isTroubled(reading, new ProtocolError(code, `A read of ${reading.topic}`));
        this.#refresh();
    }
  }

  #isTroubled(reading: Reading, error: MephistoError): void {
    const { topic, partition } = reading;
    this.#troubled.add(reading);
    this.#reportOf(topic).failed(error, { topic, partition }, String(partition));
  }

  #isBack(reading: Reading): void {
    if (this.#troubled.delete(reading)) this.#reportOf(reading.topic).over(String(reading.partition));
  }

  /** `what`: a topic, or `from broker 1`. */
  #reportOf(what: string): Report {
    return this.#troubles.of(`Reading ${what}`);
  }

  /** A broker that leads nothing any more that is read here is nobody's trouble. */
  #forgetAway(): void {
    if (this.#away.size === 0) return;
    const leaders = new Set(
      [...this.#readings.all()].map(({ topic, partition }) => this.#cluster.leader(topic, partition)),
    );
    for (const nodeId of this.#away) {
      if (leaders.has(nodeId)) continue;
      this.#away.delete(nodeId);
      this.#reportOf(`from broker ${nodeId}`).drop();
    }
  }

  /** A topic that was deleted and created again begins at its start: the old position is of another log. */
  async #compareTopic(reading: Reading): Promise<void> {
    await this.#refresh();
    if (this.#readings.get(reading) !== reading) return; // given up meanwhile
    const topicId = this.#cluster.topic(reading.topic)?.topicId;
    if (topicId === undefined || topicId === reading.topicId) return;
    await this.#reset(reading, "the topic has been deleted and created again", topicId);
  }

  /** Until the new position is known, the topic id stays the old one, so that the old position is never used with it. */
  async #reset(reading: Reading, why: string, topicId = reading.topicId): Promise<void> {
    this.#forget(reading);
    this.#pause(reading, Infinity);
    const { topic, partition, version } = reading;
    try {
      const position = await this.#positions.earliest(reading);
      if (reading.version !== version) return;
      this.#logger.warn(`${topic}[${partition}]: ${why}; reading on at its earliest offset, ${position}.`, {
        topic,
        partition,
        offset: position,
      });
      this.#readings.renamed(reading, topicId);
      reading.position = position;
      reading.leaderEpoch = -1;
      reading.acks.reset(position, topicId);
      this.#pause(reading, 0);
    } catch (error) {
      if (reading.version !== version) return;
      this.#logger.debug(`The earliest offset of ${keyOf(reading)} is not known: ${messageOf(error)}`, {
        topic,
        partition,
        ...codeField(error),
      });
      this.#isTroubled(reading, asError(error));
      this.#pause(reading, RETRY);
    }
  }

  /**
   * The log was cut back below what was read of it, by an election of a leader that had not all of it: reading goes on where
   * it is another one. What was handled of the old one stays handled.
   */
  #diverged(reading: Reading, endOffset: number): void {
    const { topic, partition, acks, position } = reading;
    const to = Math.min(endOffset, position);
    if (to === position) { // all that was read is there, of another epoch
      reading.leaderEpoch = -1;
      return this.#pause(reading, 0);
    }
    const gone = Math.max(0, acks.position - to);
    const unread = position - to - gone;
    this.#forget(reading);
    reading.position = Math.min(to, acks.position);
    reading.leaderEpoch = -1;
    acks.reset(reading.position, reading.topicId);
    this.#pause(reading, 0);
    this.#logger.warn(
      `${topic}[${partition}]: its log was cut back from offset ${position} to ${to} (an unclean leader election): ` +
        `${gone} messages that this worker has handled are gone, and ${unread} that it has not. ` +
        `Reading on at offset ${reading.position}.`,
      { topic, partition, offset: reading.position },
    );
  }

  /** Asks where the leaders are, until it is known. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#locateLeaders().finally(() => {
      this.#refreshing = undefined;
      this.#forgetAway();
      for (const reading of this.#readings.all()) this.#locate(reading);
    });
    return this.#refreshing;
  }

  async #locateLeaders(): Promise<void> {
    await pause(RETRY / 5, this.#stop.signal);
    while (!this.#stop.signal.aborted) {
      try {
        await this.#cluster.refresh(this.#readings.topics());
        return;
      } catch (error) {
        this.#logger.debug(`The leaders are not known: ${messageOf(error)}`, codeField(error));
        await pause(RETRY, this.#stop.signal);
        if (!isRetriable(error)) return; // what is said of the other topics is true all the same
      }
    }
  }
}

/**
 * What came of a partition, apart from the answer that it came in if that is many times as large: what waits would keep all
 * of it in memory. To copy everything would cost a twelfth of the speed.
 */
function ownBytes(records: Uint8Array): Uint8Array {
  return records.length * ANSWER_TIMES < records.buffer.byteLength ? Buffer.from(records) : records;
}
