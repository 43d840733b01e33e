import type { Acknowledgements } from "../core/acknowledgements.ts";
import { Buffer } from "node:buffer";
import { ByteBudget } from "../core/byte-budget.ts";
import type { Clock } from "../core/clock.ts";
import { groupBy } from "../core/group-by.ts";
import { codeField, type Logger } from "../core/logger.ts";
import { Run } from "../core/message.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import type { Supervisor } from "../core/supervisor.ts";
import type { Delivery } from "../driver/driver.ts";
import { errorName } from "../wire/error-codes.ts";
import { fetch, type FetchedPartition, type FetchResponse } from "../wire/requests/01-fetch.ts";
import { AbortIndex, decodeRecords } from "../wire/records.ts";
import { lastOffsetOf, partsOf } from "./batches.ts";
import type { Cluster } from "./cluster.ts";
import { Code } from "./codes.ts";
import { codecs } from "./compression.ts";
import { check } from "./errors.ts";
import type { Link } from "./link.ts";
import { pause } from "../core/pause.ts";
import type { Positions } from "./positions.ts";

/** How long the broker waits for something to send when there is nothing, in ms. */
const LONG_POLL = 500;
/** The same while a partition is left out for want of room: it may have room any moment. */
const SHORT_POLL = 20;
/** The most of one partition in one answer, in bytes; a single larger batch comes all the same. */
const PARTITION_BYTES = 1 << 20;
/** The most in one answer, in bytes. */
const ANSWER_BYTES = 8 << 20;
/** A partition with more than this waiting for its handler is not fetched, in bytes; less if there are many. */
const WAITING_BYTES = 1 << 20;
const LEAST_WAITING_BYTES = 64 << 10;
/** What is read at a time: as compressed as it may be, this is what its decompressed bytes come from. */
const PART_BYTES = 64 << 10;
/** What a message takes beside its bytes, roughly. */
const MESSAGE_BYTES = 100;
/** What waits of a partition may keep an answer of so many times its size in memory. */
const ANSWER_TIMES = 16;
/** After an error of a partition, in ms. */
const RETRY = 500;

/** One partition that is being read. */
interface Reading {
  readonly topic: string;
  readonly partition: number;
  readonly acks: Acknowledgements;
  topicId: string;
  /** The next offset to ask for. */
  position: number;
  /** Bytes that have come and not been handed out to the end. */
  waiting: number;
  notBefore: number;
  /** Whether it is asked for at the moment. */
  asked: boolean;
  /** Counts up when what has come is no longer to be delivered. */
  version: number;
}

/** Reads committed messages of the partitions it is told to, by one long poll a broker, into bounded buffers. */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #positions: Positions;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #supervisor: Supervisor | undefined;
  readonly #readings = new Map<string, Reading>();
  readonly #nodes = new Map<number, readonly NodeFetcher[]>();
  readonly #stop = new AbortController();
  readonly #budget: ByteBudget;
  #refreshing: Promise<void> | undefined;

  constructor(
    cluster: Cluster,
    positions: Positions,
    deliver: (delivery: Delivery) => void,
    logger: Logger,
    clock: Clock,
    supervisor?: Supervisor,
    budget: ByteBudget = new ByteBudget(),
  ) {
    this.#cluster = cluster;
    this.#budget = budget;
    this.#positions = positions;
    this.#deliver = deliver;
    this.#logger = logger;
    this.#clock = clock;
    this.#supervisor = supervisor;
  }

  /** Begins to read a partition at the position of its acknowledgements. */
  add(acks: Acknowledgements): void {
    const { topic, topicId, partition, position } = acks;
    this.#readings.set(keyOf(acks), {
      topic,
      partition,
      acks,
      topicId,
      position,
      waiting: 0,
      notBefore: 0,
      asked: false,
      version: 0,
    });
    this.#spread();
  }

  /** Stops reading a partition; what has come of it is not delivered any more. */
  remove(partition: { topic: string; partition: number }): void {
    const reading = this.#readings.get(keyOf(partition));
    if (reading === undefined) return;
    this.#forget(reading);
    this.#readings.delete(keyOf(partition));
  }

  close(): void {
    this.#stop.abort();
    for (const nodeId of [...this.#nodes.keys()]) this.#drop(nodeId);
  }

  /** Every partition to the fetcher of its leader. */
  #spread(): void {
    if (this.#stop.signal.aborted) return;
    for (const reading of this.#readings.values()) {
      const leader = this.#leader(reading);
      if (leader < 0) this.#refresh();
      else if (!this.#nodes.has(leader)) this.#begin(leader);
      else this.#wake(leader);
    }
  }

  #leader({ topic, partition }: Reading): number {
    return this.#cluster.leader(topic, partition);
  }

  #begin(nodeId: number): void {
    const address = this.#cluster.node(nodeId);
    // Two long polls by turns: what is gained while one is under way is asked for by the other, at once.
    const pair = [new NodeFetcher(this.#cluster.link(address)), new NodeFetcher(this.#cluster.link(address))];
    this.#nodes.set(nodeId, pair);
    const { signal } = this.#stop;
    const loop = (node: NodeFetcher) => () => this.#loop(nodeId, node);
    const name = `The fetching from broker ${nodeId}`;
    for (const node of pair) void (this.#supervisor?.loop(name, loop(node), { signal }) ?? loop(node)());
  }

  #drop(nodeId: number): void {
    for (const node of this.#nodes.get(nodeId) ?? []) {
      this.#cluster.release(node.link);
      node.wake();
    }
    this.#nodes.delete(nodeId);
  }

  #wake(nodeId: number): void {
    for (const node of this.#nodes.get(nodeId) ?? []) node.wake();
  }

  async #loop(nodeId: number, node: NodeFetcher): Promise<void> {
    let poll = SHORT_POLL;
    while (!this.#stop.signal.aborted && this.#nodes.get(nodeId)?.includes(node)) {
      const mine = [...this.#readings.values()].filter((reading) => !reading.asked && this.#leader(reading) === nodeId);
      const now = this.#clock.monotonic();
      const ready = mine.filter((reading) => this.#hasRoom(reading, now));
      if (ready.length === 0) {
        await node.sleep(untilReady(mine, now));
        continue;
      }
      for (const reading of ready) reading.asked = true;
      try {
        const all = ready.length === mine.length;
        const versions = new Map(ready.map((reading) => [reading, reading.version]));
        const answer = await node.link.send(this.#request(ready, all ? LONG_POLL : poll), LONG_POLL + 5000);
        const got = this.#take(answer, versions);
        poll = got ? SHORT_POLL : Math.min(poll * 2, LONG_POLL);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof MephistoError)) throw error; // a fault of ours
        this.#logger.debug(`Fetching from broker ${nodeId} failed: ${messageOf(error)}`, codeField(error));
        if (this.#nodes.get(nodeId)?.includes(node)) this.#drop(nodeId);
        this.#refresh();
      } finally {
        for (const reading of ready) reading.asked = false;
      }
    }
  }

  #hasRoom({ waiting, notBefore }: Reading, now: number): boolean {
    // One of which nothing waits is always read: others, of another actor that is slow, may have all the room there is.
    const room = waiting === 0 || waiting < this.#share && !this.#budget.full;
    return room && notBefore <= now;
  }

  /** How much of a partition may wait: all together half of what there is, since the other half is for what is open. */
  get #share(): number {
    const share = this.#budget.limit / 2 / Math.max(1, this.#readings.size);
    return Math.max(LEAST_WAITING_BYTES, Math.min(WAITING_BYTES, Math.floor(share)));
  }

  #request(ready: readonly Reading[], maxWaitMs: number) {
    const share = Math.min(PARTITION_BYTES, this.#share);
    const topics = [...groupBy(ready, ({ topicId }) => topicId)].map(([topicId, readings]) => ({
      topicId,
      partitions: readings.map(({ partition, position }) => ({
        partition,
        fetchOffset: position,
        maxBytes: share,
      })),
    }));
    // Without room little comes, though at least one batch: in turn for all of which nothing waits.
    const most = this.#budget.full ? 0 : Math.min(ANSWER_BYTES, this.#budget.limit / 8);
    const maxBytes = Math.max(LEAST_WAITING_BYTES, Math.floor(most));
    return fetch({ maxWaitMs, minBytes: 1, maxBytes, isolationLevel: "read_committed", topics });
  }

  /** Delivers what has come; says whether anything has. */
  #take(answer: FetchResponse, versions: ReadonlyMap<Reading, number>): boolean {
    check(answer.errorCode, "Fetching");
    let got = false;
    for (const { topicId, partitions } of answer.topics) {
      for (const fetched of partitions) {
        const reading = [...versions.keys()].find((each) =>
          each.topicId === topicId && each.partition === fetched.partition
        );
        if (reading === undefined || versions.get(reading) !== reading.version) continue; // not wanted any more
        if (fetched.errorCode !== 0) this.#trouble(reading, fetched.errorCode);
        else if (fetched.records.length > 0) {
          got = true;
          this.#receive(reading, fetched);
        }
      }
    }
    return got;
  }

  #receive(reading: Reading, { records, aborted }: FetchedPartition): void {
    const parts = partsOf(ownBytes(records), PART_BYTES);
    let from = reading.position;
    const { version } = reading;
    // To the end of the row: of a batch larger than is asked for only the first partition's is sent, and an answer that is
    // full leaves the last ones out.
    const key = keyOf(reading);
    this.#readings.delete(key);
    this.#readings.set(key, reading);
    const acknowledge = reading.acks.acknowledger();
    const readCommitted = new AbortIndex(aborted);
    try {
      for (const part of parts) {
        this.#deliver(this.#part(reading, part, from, readCommitted, acknowledge));
        // Each from where it begins: what is before it may be in hand, and is not read again if this one is corrupt.
        from = Math.max(from, lastOffsetOf(part) + 1);
      }
    } finally {
      // What is not delivered is read again; where a part is corrupt, from there.
      if (reading.version === version) reading.position = from;
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
        if (reading.version === version) reading.waiting -= waiting;
        open = waiting = 0;
        if (reading.version === version && reading.waiting < this.#share) this.#wake(this.#leader(reading));
      },
    };
  }

  /** What has come of a partition is not delivered any more, and no longer counts. */
  #forget(reading: Reading): void {
    reading.version++;
    reading.waiting = 0;
  }

  #corrupt(reading: Reading, offset: number, error: Error): void {
    this.#forget(reading);
    reading.position = offset;
    reading.notBefore = this.#clock.monotonic() + 10 * RETRY;
    this.#logger.error(
      `${reading.topic}[${reading.partition}] at offset ${offset}: the broker sent a batch that cannot be read ` +
        `(${error.message}). The partition waits there; reading it again.`,
      { topic: reading.topic, partition: reading.partition, offset, code: "DECODE_FAILED" },
    );
  }

  #once(run: () => Promise<void>): Promise<void> {
    return this.#supervisor?.once("Finding a new position", run, { signal: this.#stop.signal }) ?? run();
  }

  #trouble(reading: Reading, code: number): void {
    reading.notBefore = this.#clock.monotonic() + RETRY;
    switch (code) {
      case Code.OFFSET_OUT_OF_RANGE:
        void this.#once(() => this.#reset(reading, `offset ${reading.position} is out of the log's range`));
        break;
      case Code.UNKNOWN_TOPIC_ID:
      case Code.INCONSISTENT_TOPIC_ID:
      case Code.UNKNOWN_TOPIC_OR_PARTITION:
        void this.#once(() => this.#compareTopic(reading));
        break;
      default: // the leader has moved, or will be back
        this.#logger.debug(`Fetching ${keyOf(reading)}: ${errorName(code)}`);
        this.#refresh();
    }
  }

  /** A topic that was deleted and created again begins at its start: the old position is of another log. */
  async #compareTopic(reading: Reading): Promise<void> {
    await this.#refresh();
    const topicId = this.#cluster.topic(reading.topic)?.topicId;
    if (topicId === undefined || topicId === reading.topicId) return;
    await this.#reset(reading, "the topic has been deleted and created again", topicId);
  }

  /** Until the new position is known, the topic id stays the old one, so that the old position is never used with it. */
  async #reset(reading: Reading, why: string, topicId = reading.topicId): Promise<void> {
    this.#forget(reading);
    reading.notBefore = Infinity;
    const { topic, partition, version } = reading;
    try {
      const position = await this.#positions.earliest(reading);
      if (reading.version !== version) return;
      this.#logger.warn(`${topic}[${partition}]: ${why}; reading on at its earliest offset, ${position}.`, {
        topic,
        partition,
        offset: position,
      });
      reading.topicId = topicId;
      reading.position = position;
      reading.acks.reset(position, topicId);
      reading.notBefore = 0;
    } catch (error) {
      this.#logger.debug(`The earliest offset of ${keyOf(reading)} is not known: ${messageOf(error)}`, {
        topic,
        partition,
        ...codeField(error),
      });
      reading.notBefore = this.#clock.monotonic() + RETRY;
    }
  }

  /** Asks where the leaders are, until it is known. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#locateLeaders().finally(() => {
      this.#refreshing = undefined;
      this.#spread();
    });
    return this.#refreshing;
  }

  async #locateLeaders(): Promise<void> {
    await pause(RETRY / 5, this.#stop.signal);
    while (!this.#stop.signal.aborted) {
      try {
        await this.#cluster.refresh([...new Set([...this.#readings.values()].map(({ topic }) => topic))]);
        return;
      } catch (error) {
        this.#logger.debug(`The leaders are not known: ${messageOf(error)}`, codeField(error));
        await pause(RETRY, this.#stop.signal);
      }
    }
  }
}

/** The connection to one broker, and what its loop sleeps on. */
class NodeFetcher {
  readonly link: Link;
  #wake: (() => void) | undefined;

  constructor(link: Link) {
    this.link = link;
  }

  wake(): void {
    this.#wake?.();
  }

  async sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}[${partition}]`;
}

/**
 * What came of a partition, apart from the answer that it came in if that is many times as large: what waits would keep all
 * of it in memory. To copy everything would cost a twelfth of the speed.
 */
function ownBytes(records: Uint8Array): Uint8Array {
  return records.length * ANSWER_TIMES < records.buffer.byteLength ? Buffer.from(records) : records;
}

/** How long until one of them may be fetched again, in ms; less if room is made meanwhile, which wakes the loop. */
function untilReady(readings: readonly Reading[], now: number): number {
  const paused = readings.map(({ notBefore }) => notBefore - now).filter((left) => left > 0);
  return Math.min(LONG_POLL, ...paused);
}
