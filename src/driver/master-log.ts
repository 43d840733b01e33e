/**
 * The part of the seam that mastership needs of a log: a fence, a journal, and transactions.
 *
 * @module
 */
import { type ErrorCode, errorCodeOf, MephistoError } from "../core/errors.ts";
import type { Instant } from "../core/lease.ts";
import type { TopicPartition } from "../core/topic-partition.ts";
import type { OutgoingRecord } from "./outgoing-record.ts";

/** A position in a partition. */
export interface PartitionOffset extends TopicPartition {
  readonly offset: number;
}

/** One line of the journal. The last value of a key is what is true; null: nothing any more. */
export interface JournalEntry {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** The journal of an app's mastership: a compacted topic of one partition that only its masters write to. */
export interface JournalSpec {
  readonly topic: string;
  /** -1: the broker's default. */
  readonly replicationFactor: number;
}

/** A journal as it was found. */
export interface JournalState {
  /** Of this topic: one that was deleted and created again under its name is another journal. */
  readonly id: string;
  /** It was not there: the schedule begins anew. */
  readonly created: boolean;
  /** What is not as it should be, a sentence each, for people: too few replicas, another clean-up policy. */
  readonly warnings: readonly string[];
}

/** What the log's clock said, in ms since the epoch, at some moment between two of ours. */
export interface LogTime {
  readonly wall: number;
  readonly sent: Instant;
  readonly answered: Instant;
}

/** One transaction. */
export interface Transaction {
  readonly records: readonly OutgoingRecord[];
  /**
   * What goes to the journal with them. Known beforehand it can travel with the records, which saves a round trip; a function
   * is asked when they are written and before the transaction is committed, once an attempt.
   */
  readonly journal: readonly JournalEntry[] | JournalOfEnds;
  /** How long it may be tried, in ms; missing: for as long as a transaction may last. */
  readonly timeoutMs?: number | undefined;
}

/** What goes to the journal where that depends on where records end. */
export type JournalOfEnds = (endsOf: EndsOf) => readonly JournalEntry[];

/** For each partition that the records from index `from` up to `to` went to: the offset after the last of them. */
export type EndsOf = (from: number, to: number) => readonly PartitionOffset[];

/** What a transaction writes to the journal, where its records end at `endsOf`. */
export function entriesOf({ journal }: Transaction, endsOf: EndsOf): readonly JournalEntry[] {
  return typeof journal === "function" ? journal(endsOf) : journal;
}

/** A refusal of whatever is written to one topic: what wrote nothing there has no part in it. */
export class TopicRefused extends MephistoError {
  readonly topic: string;

  constructor(topic: string, code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
    this.topic = topic;
  }
}

/**
 * Topics take nothing at the moment, as without a leader or with too few replicas, though the log is there: what writes
 * nothing to them need not wait.
 */
export class TopicsAway extends MephistoError {
  readonly topics: ReadonlySet<string>;

  constructor(topics: Iterable<string>, message: string, options?: { cause?: unknown }) {
    super("UNREACHABLE", message, options);
    this.topics = new Set(topics);
  }
}

/** Whether an error says that this master may publish nothing more, and the next one knows what it has published. */
export function isOver(error: unknown): boolean {
  const code = errorCodeOf(error);
  return code === "NOT_MASTER" || code === "FENCED" || code === "JOURNAL_LOST";
}

/** What is thrown when {@link MayTry} says no. */
export function notMaster(): MephistoError {
  return new MephistoError("NOT_MASTER", "The lease of mastership is over: nothing more is tried in its name.");
}

/** What a transaction that was committed has written. */
export interface Committed {
  readonly ends: readonly PartitionOffset[];
  /** When the journal's entries were appended. */
  readonly time: LogTime;
}

export interface FenceOptions {
  /** Of the mastership: `<app id>.master`. */
  readonly transactionalId: string;
  readonly journal: string;
  /** The id that the journal has to have: {@link JournalState.id}. */
  readonly journalId: string;
  /** The broker aborts a transaction that was left open for so long, in ms. */
  readonly transactionTimeout: number;
}

/** Asked before each attempt that may change something: whether the lease holds. */
export type MayTry = () => boolean;

/**
 * The publisher of one term of mastership. Opening it has fenced all that were opened before: the log itself refuses
 * what they still try. Its calls are made one after the other, never two at once.
 */
export interface FencedPublisher {
  /**
   * Reads the journal to its end, also when it is called again. Errors: `NOT_MASTER` when `mayTry` says no,
   * `JOURNAL_LOST` when the topic is gone or another one, `JOURNAL_BLOCKED` (with the producer that blocks it, in the
   * sentence) while its end cannot be read; `UNREACHABLE`, `PROTOCOL`. `moved`: called whenever something more was read.
   */
  read(mayTry: MayTry, moved?: () => void): Promise<readonly JournalEntry[]>;
  /**
   * Commits all of a transaction or nothing. Errors: `FENCED` when another has been opened since, `NOT_MASTER`,
   * `JOURNAL_LOST`; `UNKNOWN_OUTCOME` when it may have been committed: `recover`, `read` and look; any other: nothing
   * of it was or will be published. A {@link TopicsAway} names the topics that it failed by. Of these `UNREACHABLE` and `PROTOCOL` may pass by themselves; `MESSAGE_TOO_LARGE`,
   * `MESSAGE_REFUSED`, `BUFFER_FULL` and a {@link TopicRefused} are of what is in it.
   */
  publish(transaction: Transaction, mayTry: MayTry): Promise<Committed>;
  /**
   * After `UNKNOWN_OUTCOME`: makes sure that nothing of that transaction is under way any more, and that it can publish
   * again. Errors: `FENCED` when another has been opened since, `NOT_MASTER`; `UNREACHABLE`, `PROTOCOL`: call it again.
   */
  recover(mayTry: MayTry): Promise<void>;
  /** Ends its connections; an open transaction is left to the fence of the next. */
  close(): void;
}

/** What mastership needs of a log. */
export interface MasterLog {
  /**
   * Creates the journal if it is missing, else checks it. Errors: `JOURNAL_UNUSABLE` (more than one partition, not
   * compacted), and those of `ensureTopics`.
   */
  ensureJournal(spec: JournalSpec): Promise<JournalState>;
  /** The journal as it is now, for people: what is committed, without a fence. Errors: `UNKNOWN_TOPIC`, `UNREACHABLE`. */
  readJournal(topic: string): Promise<readonly JournalEntry[]>;
  /**
   * Fences all before. Tries again while the log is busy with the transaction of another, and while it cannot be
   * reached. Errors: `NOT_MASTER` when `mayTry` says no before an attempt; `AUTHENTICATION_FAILED`, `PROTOCOL`.
   */
  fence(options: FenceOptions, mayTry: MayTry): Promise<FencedPublisher>;
  /** How many of the messages before these offsets the group has not committed yet. Errors: `UNREACHABLE`, `PROTOCOL`. */
  lag(group: string, ends: readonly PartitionOffset[]): Promise<number>;
}

/** Of the time after which the log aborts a transaction this part may be used before we do. */
const USABLE_PART = 0.8;

/** How long a transaction may be tried, in ms. */
export function triedForMs(
  { transactionTimeout }: Pick<FenceOptions, "transactionTimeout">,
  { timeoutMs = Infinity }: Pick<Transaction, "timeoutMs">,
): number {
  return Math.min(transactionTimeout * USABLE_PART, timeoutMs);
}
