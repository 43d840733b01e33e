import type { Random } from "./random.ts";
import type { Partition } from "./partition.ts";
import type { Entry, VirtualTime } from "./time.ts";

/** A producer of transactions, as the coordinator lets it in: with an epoch, of which only the last may write. */
export interface ProducerState {
  readonly producerId: number;
  readonly epoch: number;
}

export type TransactionError = "CONCURRENT_TRANSACTIONS" | "PRODUCER_FENCED" | "INVALID_TXN_STATE";

interface Transactional {
  producerId: number;
  epoch: number;
  /** Whose re-initialisation, or whose end of a transaction, made it the epoch that it is; -1: another producer's. */
  before: number;
  state: "empty" | "ongoing" | "ending";
  /** How the last one ended. */
  committed: boolean | undefined;
  timeout: number;
  expiry: Entry | undefined;
  readonly partitions: Set<Partition>;
}

/** How long a marker takes at most from the coordinator to a partition. */
const LONGEST_MARKER_DELAY_MS = 8;

/** The coordinator of transactions: producers by their transactional ids, of which it lets in one at a time. */
export class Transactions {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #producers = new Map<string, Transactional>();
  #nextId = 1;
  /** How it would be without a fence: an older epoch may write and commit. For tests that must notice. */
  acceptStaleEpoch = false;
  /** Called when the outcome of a transaction is decided, before its markers are written. */
  onDecided: ((id: string, producer: ProducerState, committed: boolean) => void) | undefined;
  /** Called when a producer has been initialised, or an open transaction is aborted for that: who was before is fenced. */
  onFenced: ((id: string, expected: ProducerState | undefined) => void) | undefined;

  constructor(time: VirtualTime, random: Random, now: () => number) {
    this.#time = time;
    this.#random = random;
    this.#now = now;
  }

  /** Whether all that was decided stands in the partitions. */
  get settled(): boolean {
    return [...this.#producers.values()].every(({ state }) => state !== "ending");
  }

  newProducerId(): number {
    return this.#nextId++;
  }

  /**
   * InitProducerId. Without `expected` it lets in whoever asks, and nobody before; with it only if nobody else has been
   * let in since. An open transaction is aborted first, and the caller asks again.
   */
  initialise(id: string, expected: ProducerState | undefined, timeout: number): ProducerState | TransactionError {
    const known = this.#producers.get(id);
    if (known === undefined) {
      if (expected) return "PRODUCER_FENCED";
      const made: Transactional = {
        producerId: this.newProducerId(),
        epoch: 0,
        before: -1,
        state: "empty",
        committed: undefined,
        timeout,
        expiry: undefined,
        partitions: new Set(),
      };
      this.#producers.set(id, made);
      this.onFenced?.(id, expected);
      return { producerId: made.producerId, epoch: made.epoch };
    }
    const { producerId } = known;
    if (known.state === "ending") return "CONCURRENT_TRANSACTIONS";
    if (expected) {
      const same = expected.producerId === producerId &&
        (expected.epoch === known.epoch || expected.epoch === known.before);
      if (!same && !this.acceptStaleEpoch) return "PRODUCER_FENCED";
    }
    known.before = expected?.epoch ?? -1;
    known.epoch++;
    known.timeout = timeout;
    this.onFenced?.(id, expected);
    if (known.state === "ongoing") {
      this.#decide(id, known, false);
      return "CONCURRENT_TRANSACTIONS";
    }
    return { producerId, epoch: known.epoch };
  }

  /** Whether a producer may write into a partition now; it is part of its transaction then. */
  verify(id: string, { producerId, epoch }: ProducerState, partition: Partition): TransactionError | undefined {
    const known = this.#producers.get(id);
    if (known === undefined || known.producerId !== producerId) return "PRODUCER_FENCED";
    if (epoch !== known.epoch && !this.acceptStaleEpoch) return "PRODUCER_FENCED";
    if (known.state === "ending") return "CONCURRENT_TRANSACTIONS";
    if (known.state === "empty") {
      known.state = "ongoing";
      known.expiry = this.#time.after(known.timeout, () => {
        known.epoch++;
        known.before = -1;
        this.#decide(id, known, false);
      });
    }
    known.partitions.add(partition);
    return undefined;
  }

  /** EndTxn, version 5: the answer has the epoch to go on with. */
  end(id: string, { producerId, epoch }: ProducerState, commit: boolean): ProducerState | TransactionError {
    const known = this.#producers.get(id);
    if (known === undefined || known.producerId !== producerId) return "PRODUCER_FENCED";
    if (epoch === known.before && known.committed === commit && known.state !== "ongoing") {
      return { producerId, epoch: known.epoch }; // it is asked again
    }
    if (epoch !== known.epoch && !this.acceptStaleEpoch) return "PRODUCER_FENCED";
    if (known.state === "ending") return "CONCURRENT_TRANSACTIONS";
    if (known.state === "empty" && commit) return "INVALID_TXN_STATE";
    known.before = known.epoch++;
    this.#decide(id, known, commit);
    return { producerId, epoch: known.epoch };
  }

  /** From here on it cannot be otherwise; the partitions hear of it one by one. */
  #decide(id: string, known: Transactional, committed: boolean): void {
    const { producerId, epoch } = known;
    if (known.expiry) known.expiry.run = undefined;
    known.committed = committed;
    this.onDecided?.(id, { producerId, epoch }, committed);
    const partitions = [...known.partitions];
    known.partitions.clear();
    known.state = partitions.length > 0 ? "ending" : "empty";
    let left = partitions.length;
    for (const partition of partitions) {
      this.#time.after(this.#random.between(0, LONGEST_MARKER_DELAY_MS), () => {
        partition.mark(producerId, epoch, committed, this.#now());
        if (--left === 0) known.state = "empty";
      });
    }
  }
}
