/** A log for a master, under the test's hand: a journal, a fence, transactions. */
import { MephistoError } from "../../src/core/errors.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { OutgoingRecord } from "../../src/driver/driver.ts";
import {
  entriesOf,
  type FencedPublisher,
  type FenceOptions,
  type JournalEntry,
  type JournalSpec,
  type JournalState,
  type MasterLog,
  type MayTry,
  type PartitionOffset,
  type Transaction,
} from "../../src/driver/master-log.ts";

type Call = "ensureJournal" | "readJournal" | "fence" | "read" | "publish" | "recover" | "behind";

export class FakeMasterLog implements MasterLog {
  /** What was called, in order. */
  readonly calls: string[] = [];
  journal: JournalState = { id: "1", created: false, warnings: [] };
  entries: JournalEntry[] = [];
  /** The records of each transaction that was committed. */
  readonly committed: (readonly OutgoingRecord[])[] = [];
  readonly fences: FenceOptions[] = [];
  /** Thrown by the next calls of these names, one each; the last of them for ever if it says so. */
  readonly errors = new Map<Call, Error[]>();
  /** Waited for by the calls of these names. */
  readonly waits = new Map<Call, Promise<unknown>>();
  /** The answers to so many of the next transactions are lost; whether they are committed nevertheless. */
  lost: { count: number; committed: boolean } = { count: 0, committed: true };
  uncommitted = 0;
  /** Whether a transaction of these records is refused, and with what. */
  refuse: (records: readonly OutgoingRecord[]) => MephistoError | MephistoError["code"] | undefined = () => undefined;
  /** Waited for by each transaction, which fails if this does. */
  beforePublish: (transaction: Transaction) => Promise<void> = () => Promise.resolve();
  /** The log's clock less ours, in ms. */
  skew = 0;
  /** The ends of the topics, each of one partition, with what was refused. */
  readonly ends = new Map<string, number>();
  latest = 0;
  /** Says that something more of the journal was read, by the reading that is under way. */
  moved = () => {};
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async ensureJournal(_: JournalSpec): Promise<JournalState> {
    await this.called("ensureJournal");
    return this.journal;
  }

  async readJournal(): Promise<readonly JournalEntry[]> {
    await this.called("readJournal");
    return this.entries;
  }

  async fence(options: FenceOptions, mayTry: MayTry): Promise<FencedPublisher> {
    refuseUnless(mayTry);
    await this.called("fence");
    this.fences.push(options);
    return new FakeFenced(this, ++this.latest);
  }

  async lag(_: string, ends: readonly PartitionOffset[]): Promise<number> {
    await this.called("behind", JSON.stringify(ends));
    return this.uncommitted;
  }

  now() {
    return { monotonic: this.#clock.monotonic(), wall: this.#clock.wall() };
  }

  async called(call: Call, about = ""): Promise<void> {
    this.calls.push(about ? `${call} ${about}` : call);
    await this.waits.get(call);
    const error = this.errors.get(call)?.shift();
    if (error) throw error;
  }

  /** The next calls fail so. */
  fail(call: Call, code: MephistoError["code"], times = 1): void {
    this.errors.set(call, Array.from({ length: times }, () => new MephistoError(code, `It is ${code}.`)));
  }

  /** All values of a key of the journal, in order. */
  history(key: string): { [field: string]: unknown }[] {
    const found = this.entries.filter((entry) => entry.key === key);
    return found.map(({ value }) => JSON.parse(new TextDecoder().decode(value ?? Uint8Array.of())));
  }

  /** The last value of a key of the journal. */
  entry(key: string): { [field: string]: unknown } | undefined {
    return this.history(key).at(-1);
  }
}

class FakeFenced implements FencedPublisher {
  readonly #log: FakeMasterLog;
  readonly #number: number;
  #unknown = false;
  #busy = false;
  closed = false;

  constructor(log: FakeMasterLog, number: number) {
    this.#log = log;
    this.#number = number;
  }

  read(mayTry: MayTry, moved = () => {}): Promise<readonly JournalEntry[]> {
    return this.#alone(async () => {
      refuseUnless(mayTry);
      this.#log.moved = moved;
      await this.#log.called("read");
      return this.#log.entries.slice();
    });
  }

  publish(transaction: Transaction, mayTry: MayTry) {
    const { records } = transaction;
    return this.#alone(async () => {
      refuseUnless(mayTry);
      if (this.#unknown) throw new Error("recover() was not called");
      const sent = this.#log.now();
      const offsets = records.map(({ topic }) => {
        const offset = this.#log.ends.get(topic) ?? 0;
        this.#log.ends.set(topic, offset + 1);
        return { topic, partition: 0, offset: offset + 1 };
      });
      const endsOf = (from: number, to: number) => [
        ...new Map(offsets.slice(from, to).map((end) => [end.topic, end])).values(),
      ];
      const ends = endsOf(0, records.length);
      const entries = entriesOf(transaction, endsOf);
      await this.#log.called("publish");
      await this.#log.beforePublish(transaction);
      this.#refuseWhenFenced();
      const refused = this.#log.refuse(records);
      if (typeof refused === "string") throw new MephistoError(refused, `It is ${refused}.`, { retriable: false });
      if (refused) throw refused;
      const lost = this.#log.lost.count > 0 && this.#log.lost.count--;
      if (!lost || this.#log.lost.committed) {
        this.#log.entries.push(...entries);
        this.#log.committed.push(records);
      }
      if (lost) {
        this.#unknown = true;
        throw new MephistoError("UNKNOWN_OUTCOME", "The answer is lost.");
      }
      const answered = this.#log.now();
      return { ends, time: { wall: Math.floor(answered.wall + this.#log.skew), sent, answered } };
    });
  }

  recover(mayTry: MayTry): Promise<void> {
    return this.#alone(async () => {
      refuseUnless(mayTry);
      await this.#log.called("recover");
      this.#refuseWhenFenced();
      this.#unknown = false;
    });
  }

  close(): void {
    this.closed = true;
    this.#log.calls.push("closed");
  }

  /** As the seam says: never two calls at once. */
  async #alone<T>(call: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new Error("two calls at once");
    if (this.closed) throw new Error("it is closed");
    this.#busy = true;
    try {
      return await call();
    } finally {
      this.#busy = false;
    }
  }

  #refuseWhenFenced(): void {
    if (this.#number !== this.#log.latest) throw new MephistoError("FENCED", "Another has been opened since.");
  }
}

function refuseUnless(mayTry: MayTry): void {
  if (!mayTry()) throw new MephistoError("NOT_MASTER", "The lease is over.");
}
