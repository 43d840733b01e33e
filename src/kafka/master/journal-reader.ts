import type { Clock } from "../../core/clock.ts";
import { isRetriable, MephistoError } from "../../core/errors.ts";
import { type JournalEntry, type MayTry, notMaster } from "../../driver/master-log.ts";
import type { Call } from "../../wire/call.ts";
import { EARLIEST, LATEST, listOffsets } from "../../wire/requests/02-list-offsets.ts";
import { fetch, type FetchedPartition } from "../../wire/requests/01-fetch.ts";
import { decodeRecords } from "../../wire/records.ts";
import { AnswerSize } from "../consumer/fetch/answer-size.ts";
import { describeHangingTransaction } from "./hanging-transaction.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../../wire/error-codes.ts";
import { codecs } from "../../compression/compression.ts";
import { check, ConnectionLost } from "../connection/errors.ts";
import type { BrokerConnection } from "../connection/broker-connection.ts";
import type { ConnectionPool } from "../connection/connection-pool.ts";
import { retryWhile } from "../connection/retry.ts";

/** How long one request waits for something new: a marker, mostly, that is about to be written. */
const LONG_POLL_MS = 100;
const ANSWER_BYTES = 8 << 20;
const LEAST_ANSWER_BYTES = 64 << 10;
/** After so long without anything new, beside what the answer itself took, the journal counts as blocked. */
const BLOCKED_AFTER_MS = 3000;
/** How long brokers may be away or move before it is an error. */
const UNREACHABLE_TIMEOUT_MS = 10_000;

type IsolationLevel = "read_committed" | "read_uncommitted";

interface ReaderOptions {
  readonly cluster: Cluster;
  readonly connections: ConnectionPool;
  readonly clock: Clock;
  readonly topic: string;
  /** The id that it has to have. */
  readonly topicId: string;
}

/** Reads a journal: the last value of each key. It remembers, so that reading again costs only what is new. */
export class JournalReader {
  readonly #options: ReaderOptions;
  readonly #entries = new Map<string, Uint8Array>();
  readonly #size = new AnswerSize(LEAST_ANSWER_BYTES, ANSWER_BYTES);
  #position = 0;
  /** It is at least so long; a log that ends before is not this journal any more. */
  #end = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** The journal has been written from an offset to another. Errors: `JOURNAL_LOST` where it had been longer before. */
  written(from: number, end: number): void {
    if (from < this.#end) throw this.#lost(`it ended at ${from}, and at ${this.#end} before`);
    this.#end = end;
  }

  /**
   * Reads up to what was the end, also of what is not committed, when it began. Errors: `NOT_MASTER`, `JOURNAL_LOST`,
   * `JOURNAL_BLOCKED`, `UNREACHABLE`, `PROTOCOL`. `moved`: called with each answer that has more of it.
   */
  async read(mayTry: MayTry, moved?: () => void): Promise<readonly JournalEntry[]> {
    return await this.#read("read_uncommitted", mayTry, moved);
  }

  /** Reads what is committed, up to the first transaction that is open. Errors: as `read`. */
  async readCommitted(): Promise<readonly JournalEntry[]> {
    return await this.#read("read_committed", () => true);
  }

  async #read(upTo: IsolationLevel, mayTry: MayTry, told = () => {}): Promise<readonly JournalEntry[]> {
    const { clock, connections } = this.#options;
    const limits = () => ({
      mayTry,
      clock,
      signal: connections.closed,
      until: clock.monotonic() + UNREACHABLE_TIMEOUT_MS,
    });
    const end = await retryWhile(() => this.#offset(LATEST, upTo), limits());
    if (end < this.#end) throw this.#lost(`it ends at ${end}, and ended at ${this.#end} before`);
    let moved = clock.monotonic();
    // At least once: only a Fetch says by the topic's id that this is the journal.
    for (let done = false; !done;) {
      const before = this.#position;
      const asked = clock.monotonic();
      done = await retryWhile(() => this.#fetch(end), limits());
      const now = clock.monotonic();
      // A slow line is no stall: its answers tell of the moment at which they were given.
      if (this.#position > before) {
        moved = now;
        told();
      } else if (!done && now - moved > BLOCKED_AFTER_MS + 2 * (now - asked)) throw await this.#blocked(end);
    }
    if (!mayTry()) throw notMaster();
    this.#end = end;
    return [...this.#entries].map(([key, value]) => ({ key, value }));
  }

  /** Throws `JOURNAL_LOST` unless the topic, as the metadata now tells it, is the journal. */
  checkTopic(): void {
    const { cluster, topic, topicId } = this.#options;
    const found = cluster.topic(topic)?.topicId;
    if (found === undefined) throw this.#lost("the topic has been deleted");
    if (found !== topicId) throw this.#lost("the topic has been deleted and created again");
  }

  /** One attempt to read on; whether there is nothing more. */
  async #fetch(end: number): Promise<boolean> {
    const { topicId } = this.#options;
    const connection = await this.#leader();
    const maxBytes = this.#size.bytes;
    const answer = await this.#sized(
      connection,
      fetch({
        maxWaitMs: this.#position < end ? LONG_POLL_MS : 0,
        minBytes: 1,
        maxBytes,
        isolationLevel: "read_committed",
        topics: [{ topicId, partitions: [{ partition: 0, fetchOffset: this.#position, maxBytes }] }],
      }),
    );
    check(answer.errorCode, "Reading the journal");
    const [fetched] = answer.topics[0]?.partitions ?? [];
    if (fetched === undefined) return false;
    if (fetched.errorCode === Code.OFFSET_OUT_OF_RANGE) {
      this.#entries.clear();
      this.#position = await this.#offset(EARLIEST);
      return false;
    }
    await this.#passing(() => check(fetched.errorCode, `Reading the journal ${this.#options.topic}`));
    this.#size.came(fetched.records.length, connection.line.bytesPerSecond);
    return this.#take(fetched, end);
  }

  /** After an answer that did not come it asks for less. */
  async #sized<T>(connection: BrokerConnection, call: Call<T>): Promise<T> {
    try {
      return await connection.send(call);
    } catch (error) {
      if (error instanceof ConnectionLost && error.silent) this.#size.lost();
      throw error;
    }
  }

  #take({ records, aborted, lastStableOffset }: FetchedPartition, end: number): boolean {
    const from = this.#position;
    const decoded = decodeRecords(records, { from, readCommitted: { aborted }, codecs });
    for (const record of decoded.records) {
      const key = record.key === null ? "" : utf8.decode(record.key);
      const { value } = record;
      this.#entries.delete(key); // the latest comes last
      if (value !== null) this.#entries.set(key, Uint8Array.from(value)); // a copy, that keeps no answer in memory
    }
    this.#position = decoded.nextOffset;
    if (decoded.error) {
      throw new MephistoError(
        "PROTOCOL",
        `The journal ${this.#options.topic} cannot be read: ${decoded.error.message}.`,
        {
          cause: decoded.error,
        },
      );
    }
    // Compaction may have taken away the last offsets: nothing is left to come then.
    return decoded.nextOffset >= end || (decoded.nextOffset === from && lastStableOffset >= end);
  }

  async #offset(timestamp: number, isolationLevel: IsolationLevel = "read_uncommitted"): Promise<number> {
    const { topic } = this.#options;
    const connection = await this.#leader();
    const answer = await connection.send(listOffsets({
      isolationLevel,
      topics: [{ topic, partitions: [{ partition: 0, timestamp }] }],
    }));
    const [found] = answer.topics[0]?.partitions ?? [];
    await this.#passing(() => check(found?.errorCode ?? Code.LEADER_NOT_AVAILABLE, `The end of the journal ${topic}`));
    return found?.offset ?? 0;
  }

  /** After an error that may be the topic's end: asks. */
  async #passing(checked: () => void): Promise<void> {
    try {
      checked();
    } catch (error) {
      if (isRetriable(error)) await this.#refresh();
      throw error;
    }
  }

  async #refresh(): Promise<void> {
    const { cluster, topic } = this.#options;
    await cluster.refresh([topic]);
    this.checkTopic();
  }

  async #leader(): Promise<BrokerConnection> {
    const { cluster, connections, topic } = this.#options;
    if (cluster.topic(topic) === undefined) await this.#refresh();
    this.checkTopic();
    const leader = cluster.leader(topic, 0);
    if (leader < 0) {
      await this.#refresh();
      throw new MephistoError("UNREACHABLE", `The journal ${topic} has no leader.`);
    }
    const connection = connections.to(cluster.node(leader));
    try {
      await connection.open();
    } catch (error) {
      connections.drop(connection);
      if (isRetriable(error)) await this.#refresh();
      throw error;
    }
    return connection;
  }

  async #blocked(end: number): Promise<MephistoError> {
    const { cluster, topic } = this.#options;
    const who = await describeHangingTransaction(cluster, await this.#leader(), topic);
    return new MephistoError(
      "JOURNAL_BLOCKED",
      `The journal ${topic} cannot be read beyond offset ${this.#position} of ${end}: ${who}.`,
    );
  }

  #lost(why: string): MephistoError {
    return new MephistoError(
      "JOURNAL_LOST",
      `The journal ${this.#options.topic} is lost: ${why}. Nobody knows any more which ticks were published; ` +
        `a worker that is started anew begins a new journal.`,
    );
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
