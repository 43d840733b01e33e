import type { BatchHeader } from "../../wire/record-batch.ts";
import { Code } from "../../wire/error-codes.ts";
import { AppendError } from "./error.ts";

const MAX_SEQUENCE = 0x7fffffff;
/** How many of a producer's last batches are remembered, as in Kafka: as many as may be in flight. */
const REMEMBERED = 5;

interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly timestamp: number;
}

/** What a partition knows of a producer. */
export interface ProducerEntry {
  epoch: number;
  coordinatorEpoch: number;
  lastTimestamp: number;
  /** The last five batches of this epoch, oldest first. */
  batches: RememberedBatch[];
  /** -1: no transaction is open here. */
  transactionStart: number;
}

/** A transaction that has been asked about and not been written to yet (KIP-890). */
export interface Verification {
  epoch: number;
  lowestSequence: number;
  /** Transactions of version 2. */
  readonly bumps: boolean;
  /** When it was asked about, in ms by the broker's clock. */
  readonly since: number;
}

/** The producers of a partition: epochs, sequences and open transactions, checked as Kafka's ProducerStateManager does. */
export class Producers {
  readonly #entries = new Map<number, ProducerEntry>();
  readonly #verifications = new Map<number, Verification>();
  /** Producer ids of open transactions by their first offset; in the order in which they began. */
  readonly #open = new Map<number, number>();

  /** Where the oldest open transaction begins; undefined: none is open. */
  get firstUnstable(): number | undefined {
    for (const [, offset] of this.#open) return offset;
    return undefined;
  }

  /** How many it knows something of. */
  get size(): number {
    return this.#entries.size + this.#verifications.size + this.#open.size;
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId);
  }

  entries(): IterableIterator<[number, ProducerEntry]> {
    return this.#entries.entries();
  }

  hasOpenTransaction(producerId: number): boolean {
    return this.#open.has(producerId);
  }

  /** Begins asking the coordinator about a transaction; undefined if it is open here already. */
  verify(producerId: number, epoch: number, sequence: number, bumps: boolean, now: number): Verification | undefined {
    if (this.#open.has(producerId)) return undefined;
    let verification = this.#verifications.get(producerId);
    if (verification === undefined) {
      this.#verifications.set(producerId, verification = { epoch, lowestSequence: sequence, bumps, since: now });
    } else if (epoch > verification.epoch) {
      verification.epoch = epoch;
      verification.lowestSequence = sequence;
    } else if (epoch === verification.epoch && sequence < verification.lowestSequence) {
      verification.lowestSequence = sequence;
    }
    return verification;
  }

  /** The batch that this one is a copy of, if it is one of the producer's last. */
  duplicateOf(batch: BatchHeader): RememberedBatch | undefined {
    const entry = this.#entries.get(batch.producerId);
    if (entry === undefined || entry.epoch !== batch.producerEpoch) return undefined;
    const last = sequenceAfter(batch.baseSequence, batch.lastOffsetDelta);
    return entry.batches.find(({ firstSequence, lastSequence }) =>
      firstSequence === batch.baseSequence && lastSequence === last
    );
  }

  /** Throws `AppendError` unless a client's batch may be appended now. `verification`: what `verify` gave for it. */
  check(batch: BatchHeader, verification: Verification | undefined): void {
    const { producerId, producerEpoch, baseSequence, isTransactional } = batch;
    const entry = this.#entries.get(producerId);
    const isOpen = this.#open.has(producerId);
    const current = this.#verifications.get(producerId);
    if (isTransactional && !isOpen && (verification === undefined || verification !== current)) {
      throw new AppendError(Code.INVALID_TXN_STATE, "Record was not part of an ongoing transaction");
    }
    const epoch = entry?.epoch ?? -1;
    if (producerEpoch < epoch) {
      throw new AppendError(
        Code.INVALID_PRODUCER_EPOCH,
        `the epoch ${producerEpoch} of producer ${producerId} is lower than the last one seen, ${epoch}`,
      );
    }
    const outOfOrder = (why: string) => {
      throw new AppendError(
        Code.OUT_OF_ORDER_SEQUENCE_NUMBER,
        `Out of order sequence number ${baseSequence} of producer ${producerId} with epoch ${producerEpoch}: ${why}`,
      );
    };
    const last = entry?.batches.at(-1);
    if (current?.bumps && baseSequence !== 0 && last === undefined) outOfOrder("its first batch here should have 0");
    if (current !== undefined && baseSequence > current.lowestSequence) {
      outOfOrder(`a batch with sequence ${current.lowestSequence} is yet to come`);
    }
    if (producerEpoch !== epoch) {
      if (baseSequence !== 0 && epoch !== -1) outOfOrder(`the epoch before was ${epoch}, and a new one begins with 0`);
    } else {
      const expected = last === undefined ? 0 : sequenceAfter(last.lastSequence, 1);
      if (baseSequence !== expected) outOfOrder(`${expected} is the next`);
    }
    if (isOpen && !isTransactional) {
      throw new AppendError(
        Code.INVALID_TXN_STATE,
        `producer ${producerId} has a transaction open: transactional expected`,
      );
    }
  }

  /** Takes up a batch that has been written. */
  append(batch: BatchHeader, baseOffset: number): void {
    const { producerId, producerEpoch, baseSequence, lastOffsetDelta, maxTimestamp } = batch;
    let entry = this.#entries.get(producerId);
    if (entry === undefined) {
      entry = { epoch: producerEpoch, coordinatorEpoch: -1, lastTimestamp: -1, batches: [], transactionStart: -1 };
      this.#entries.set(producerId, entry);
    }
    if (entry.epoch !== producerEpoch) {
      entry.epoch = producerEpoch;
      entry.batches = [];
    }
    entry.lastTimestamp = maxTimestamp;
    entry.batches.push({
      firstSequence: baseSequence,
      lastSequence: sequenceAfter(baseSequence, lastOffsetDelta),
      baseOffset,
      lastOffset: baseOffset + lastOffsetDelta,
      timestamp: maxTimestamp,
    });
    if (entry.batches.length > REMEMBERED) entry.batches.shift();
    if (!batch.isTransactional) return;
    this.#verifications.delete(producerId);
    if (!this.#open.has(producerId)) {
      entry.transactionStart = baseOffset;
      this.#open.set(producerId, baseOffset);
    }
  }

  /** Throws `AppendError` unless a marker of that epoch and from that coordinator may be written. */
  checkMarker(producerId: number, epoch: number, coordinatorEpoch: number): void {
    const entry = this.#entries.get(producerId);
    if (entry === undefined) return;
    if (epoch < entry.epoch) {
      throw new AppendError(Code.INVALID_PRODUCER_EPOCH, `a marker of epoch ${epoch}, but ${entry.epoch} was seen`);
    }
    if (coordinatorEpoch < entry.coordinatorEpoch) {
      throw new AppendError(Code.TRANSACTION_COORDINATOR_FENCED, `a marker of coordinator epoch ${coordinatorEpoch}`);
    }
  }

  /** Takes up a marker that has been written; gives the first offset of the transaction that it ends, if there was one. */
  end(producerId: number, epoch: number, coordinatorEpoch: number, timestamp: number): number | undefined {
    const start = this.#open.get(producerId);
    this.#open.delete(producerId);
    this.#verifications.delete(producerId);
    const entry = this.#entries.get(producerId);
    const batches = entry?.epoch === epoch ? entry.batches : [];
    this.#entries.set(producerId, { epoch, coordinatorEpoch, lastTimestamp: timestamp, batches, transactionStart: -1 });
    return start;
  }

  /** Forgets those that have not written for `expiry` ms and have nothing open. */
  expire(now: number, expiry: number): void {
    for (const [producerId, entry] of this.#entries) {
      if (!this.#open.has(producerId) && now - entry.lastTimestamp > expiry) this.#entries.delete(producerId);
    }
    // Those whose batch was refused, or never came.
    for (const [producerId, { since }] of this.#verifications) {
      if (now - since > expiry) this.#verifications.delete(producerId);
    }
  }
}

function sequenceAfter(sequence: number, count: number): number {
  const next = sequence + count;
  return next > MAX_SEQUENCE ? next - MAX_SEQUENCE - 1 : next;
}
