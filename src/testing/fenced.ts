import { MephistoError } from "../core/errors.ts";
import type { Instant } from "../core/lease.ts";
import type { Message } from "../core/message.ts";
import { partitionKey } from "../core/topic-partition.ts";
import type { OutgoingRecord } from "../driver/driver.ts";
import {
  type Committed,
  entriesOf,
  type FencedPublisher,
  type FenceOptions,
  type JournalEntry,
  type MayTry,
  notMaster,
  type PartitionOffset,
  TopicRefused,
  TopicsAway,
  type Transaction,
  triedForMs,
} from "../driver/master-log.ts";
import type { Host } from "./host.ts";
import { type Fetched, isError, type LogError, type MemoryLog } from "./memory-log.ts";
import { Line, type Network } from "./network.ts";
import { errorOf, partitionOf, unknownTopic } from "./publisher.ts";
import type { ProducerState, TransactionError } from "./transactions.ts";
import { groupBy } from "../core/group-by.ts";

/** How long an answer may take. */
const ANSWER_TIMEOUT_MS = 2000;
/** While another's transaction is being ended, and after a failure. */
const RETRY_PAUSES_MS = [5, 100] as const;
/** A journal whose end cannot be read for so long is blocked. */
const BLOCKED_AFTER_MS = 5000;

export interface FencedParts {
  readonly log: MemoryLog;
  readonly network: Network;
  readonly host: Host;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The producer of one term of mastership: one connection, the epoch that the log gave it, and whether it knows how its last
 * transaction ended.
 */
export class MemoryFenced implements FencedPublisher {
  readonly #parts: FencedParts;
  readonly #options: FenceOptions;
  readonly #line: Line;
  #producer: ProducerState;
  /** Something of an earlier transaction may be under way still: only another epoch keeps it out. */
  #stale = false;
  #unknown = false;
  #sequences = new Map<string, number>();
  #turn = 0;
  /** How long a topic that takes nothing is tried in the transaction in hand, on the monotonic clock. */
  #until = 0;
  /** What was read of the journal, and how far: reading again costs only what is new. */
  readonly #latest = new Map<string, JournalEntry>();
  #next = 0;

  private constructor(parts: FencedParts, options: FenceOptions, line: Line, producer: ProducerState) {
    this.#parts = parts;
    this.#options = options;
    this.#line = line;
    this.#producer = producer;
  }

  static async open(parts: FencedParts, options: FenceOptions, mayTry: MayTry): Promise<MemoryFenced> {
    const line = new Line(parts.network, parts.host);
    for (;;) {
      if (!mayTry()) throw notMaster();
      const answer = await attempt(() => initialise(parts, line, options, undefined));
      if (typeof answer === "object") return new MemoryFenced(parts, options, line, answer);
      await parts.host.sleep(answer === "CONCURRENT_TRANSACTIONS" ? RETRY_PAUSES_MS[0] : RETRY_PAUSES_MS[1]);
    }
  }

  async read(mayTry: MayTry, moved = () => {}): Promise<readonly JournalEntry[]> {
    const { host } = this.#parts;
    if (!mayTry()) throw notMaster();
    const { end } = await this.#fetch(this.#next, 0);
    for (let since = host.monotonic(); this.#next < end;) {
      if (!mayTry()) throw notMaster();
      const answer = await this.#fetch(this.#next, 500);
      for (const message of answer.messages) remember(this.#latest, message);
      if (answer.next > this.#next) {
        since = host.monotonic();
        moved();
      } else if (host.monotonic() - since > BLOCKED_AFTER_MS) {
        const { log } = this.#parts;
        const blocking = log.partition({ topic: this.#options.journal, partition: 0 })?.blocking;
        throw new MephistoError(
          "JOURNAL_BLOCKED",
          `The end of ${this.#options.journal} cannot be read: the transaction of producer ${blocking} is open in it.`,
        );
      }
      this.#next = answer.next;
    }
    return [...this.#latest.values()];
  }

  async publish(transaction: Transaction, mayTry: MayTry): Promise<Committed> {
    if (this.#unknown) throw new MephistoError("UNKNOWN_OUTCOME", "Recover before publishing again.");
    if (this.#stale) await this.#initialise(mayTry);
    try {
      return await this.#publish(transaction, mayTry);
    } catch (error) {
      this.#stale = true;
      throw error;
    }
  }

  async recover(mayTry: MayTry): Promise<void> {
    await this.#initialise(mayTry);
    this.#unknown = false;
  }

  close(): void {
    this.#line.close();
  }

  async #publish(transaction: Transaction, mayTry: MayTry): Promise<Committed> {
    const { journal, journalId } = this.#options;
    this.#until = this.#parts.host.monotonic() + triedForMs(this.#options, transaction);
    const places = new Map<OutgoingRecord, PartitionOffset>();
    for (const [topic, records] of groupBy(transaction.records, ({ topic }) => topic)) {
      for (const [partition, batch] of await this.#spread(topic, records)) {
        const first = await this.#produce(topic, partition, batch, undefined, mayTry);
        batch.forEach((record, at) => places.set(record, { topic, partition, offset: first + at }));
      }
    }
    const endsOf = (from: number, to: number) => endsAt(transaction.records.slice(from, to), places);
    const { host, log } = this.#parts;
    const entries = entriesOf(transaction, endsOf).map(({ key, value }): OutgoingRecord => ({
      topic: journal,
      key: encoder.encode(key),
      value,
      headers: [],
      timestamp: host.wall(),
    }));
    const sent = now(host);
    let wall = log.wall();
    if (entries.length > 0) {
      await this.#produce(journal, 0, entries, journalId, mayTry, () => wall = log.wall());
    }
    const time = { wall, sent, answered: now(host) };
    await this.#commit(mayTry);
    return { ends: endsOf(0, transaction.records.length), time };
  }

  async #commit(mayTry: MayTry): Promise<void> {
    const { log } = this.#parts;
    if (!mayTry()) throw notMaster();
    const { transactionalId } = this.#options;
    const producer = this.#producer;
    const answer = await attempt(() =>
      this.#line.call<ProducerState | TransactionError>(
        "EndTxn",
        ANSWER_TIMEOUT_MS,
        (reply) => reply(log.transactions.end(transactionalId, producer, true)),
      )
    );
    if (typeof answer === "object") {
      this.#producer = answer;
      this.#sequences.clear();
      return;
    }
    // A refusal is no abort either: an earlier answer may have been lost.
    this.#unknown = true;
    if (answer === "PRODUCER_FENCED") throw fenced();
    throw new MephistoError("UNKNOWN_OUTCOME", `Whether the transaction was committed is not known: ${answer}.`);
  }

  async #produce(
    topic: string,
    partition: number,
    records: readonly OutgoingRecord[],
    topicId: string | undefined,
    mayTry: MayTry,
    appended?: () => void,
  ): Promise<number> {
    const { log, host } = this.#parts;
    const key = partitionKey({ topic, partition });
    const sequence = this.#sequences.get(key) ?? 0;
    const batch = { records, ...this.#producer, sequence, transactional: true };
    const { transactionalId } = this.#options;
    for (;;) {
      if (!mayTry()) throw notMaster();
      const answer = await this.#line.call<number | LogError>("Produce", ANSWER_TIMEOUT_MS, (reply) => {
        const first = log.append({ topic, partition, batch, transactionalId, topicId });
        appended?.();
        reply(first);
      });
      if (!isError(answer)) {
        this.#sequences.set(key, sequence + records.length);
        return answer;
      }
      switch (answer) {
        case "CONCURRENT_TRANSACTIONS":
          await host.sleep(RETRY_PAUSES_MS[0]);
          continue;
        case "NOT_ENOUGH_REPLICAS": {
          if (host.monotonic() <= this.#until) {
            await host.sleep(RETRY_PAUSES_MS[1]);
            continue;
          }
          const why = `${topic}[${partition}] has too few replicas in sync.`;
          throw topicId === undefined ? new TopicsAway([topic], why) : new MephistoError("UNREACHABLE", why);
        }
        case "PRODUCER_FENCED":
        case "INVALID_PRODUCER_EPOCH":
          throw fenced();
        case "UNKNOWN_TOPIC_ID":
        case "UNKNOWN_TOPIC_OR_PARTITION":
          throw topicId === undefined ? refusedTopic(topic) : journalLost(topic);
        default:
          throw errorOf(answer, topic);
      }
    }
  }

  /** Another epoch, of this same producer: whatever it has under way is refused. Errors: `FENCED`, `NOT_MASTER`. */
  async #initialise(mayTry: MayTry): Promise<void> {
    const producer = this.#producer;
    for (;;) {
      if (!mayTry()) throw notMaster();
      const answer = await initialise(this.#parts, this.#line, this.#options, producer);
      if (answer === "PRODUCER_FENCED") throw fenced();
      if (typeof answer === "object") {
        this.#producer = answer;
        this.#sequences.clear();
        this.#stale = false;
        return;
      }
      await this.#parts.host.sleep(RETRY_PAUSES_MS[0]);
    }
  }

  /** Waits at most `wait` ms for something to read. Errors: `JOURNAL_LOST`, `UNREACHABLE`. */
  async #fetch(from: number, wait: number): Promise<Fetched> {
    const { journal: topic, journalId } = this.#options;
    const { log } = this.#parts;
    const answer = await this.#line.call<Fetched>(
      "Fetch",
      ANSWER_TIMEOUT_MS,
      (reply) => log.fetch({ topic, partition: 0 }, journalId, from, wait, reply),
    );
    if (answer.error) throw journalLost(topic);
    return answer;
  }

  async #spread(topic: string, records: readonly OutgoingRecord[]): Promise<Map<number, OutgoingRecord[]>> {
    const { log } = this.#parts;
    const count = await this.#line.call<number>(
      "Metadata",
      ANSWER_TIMEOUT_MS,
      (reply) => reply(log.topics.get(topic)?.partitions.length ?? 0),
    );
    if (count === 0) throw refusedTopic(topic);
    return groupBy(records, ({ key }) => partitionOf(key, count, () => this.#turn++));
  }
}

/** Adds what a message of the journal says. */
export function remember(latest: Map<string, JournalEntry>, { key, value }: Message): void {
  if (key === null) return;
  const name = decoder.decode(key);
  if (value === null) latest.delete(name);
  else latest.set(name, { key: name, value });
}

function initialise(
  { log }: FencedParts,
  line: Line,
  { transactionalId, transactionTimeout }: FenceOptions,
  expected: ProducerState | undefined,
): Promise<ProducerState | TransactionError> {
  return line.call(
    "InitProducerId",
    ANSWER_TIMEOUT_MS,
    (reply) => reply(log.transactions.initialise(transactionalId, expected, transactionTimeout)),
  );
}

/** What is answered; undefined when nothing was, and it may have been executed. */
async function attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof MephistoError && error.code === "UNREACHABLE") return undefined;
    throw error;
  }
}

/** Where these end, of each partition the last. */
function endsAt(
  records: readonly OutgoingRecord[],
  places: ReadonlyMap<OutgoingRecord, PartitionOffset>,
): PartitionOffset[] {
  const ends = new Map<string, PartitionOffset>();
  for (const record of records) {
    const place = places.get(record);
    if (place) ends.set(partitionKey(place), { ...place, offset: place.offset + 1 });
  }
  return [...ends.values()];
}

function refusedTopic(topic: string): TopicRefused {
  const { code, message } = unknownTopic(topic);
  return new TopicRefused(topic, code, message);
}

function now(host: Host): Instant {
  return { monotonic: host.monotonic(), wall: host.wall() };
}

function fenced(): MephistoError {
  return new MephistoError("FENCED", "Another worker has become master.");
}

function journalLost(topic: string): MephistoError {
  return new MephistoError("JOURNAL_LOST", `The journal ${topic} has been deleted, or is another one.`);
}
