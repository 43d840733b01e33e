import { Buffer } from "node:buffer";
import { codecs } from "../../../compression/compression.ts";
import type { ByteBudget } from "../../../core/byte-budget.ts";
import { RecordBatchCursor } from "../../../core/message.ts";
import type { Delivery } from "../../../driver/driver.ts";
import { AbortIndex, decodeRecords } from "../../../wire/records.ts";
import type { FetchedPartition } from "../../../wire/requests/01-fetch.ts";
import { endOf, partsOf } from "./batches.ts";
import type { Reading } from "./reading.ts";

/** What is read at a time: as compressed as it may be, this is what its decompressed bytes come from. */
const PART_BYTES = 64 << 10;
/** What a message takes beside its bytes, roughly. */
const MESSAGE_BYTES = 100;
/** What waits of a partition may keep an answer of so many times its size in memory. */
const ANSWER_TIMES = 16;

export interface DeliveriesParts {
  /** What all that waits, or is open, takes. */
  readonly budget: ByteBudget;
  deliver(delivery: Delivery): void;
  /** How much of a partition may wait, in bytes. */
  mayWait(): number;
  /** The room of a partition is another one now. */
  place(reading: Reading): void;
  /** There may be room for others that this broker leads. */
  wake(nodeId: number): void;
  /** What has come cannot be read from this offset on. */
  corrupt(reading: Reading, offset: number, error: Error): void;
}

/** Hands on what has come, in parts that are decompressed when it is their turn, and counts what waits. */
export class Deliveries {
  readonly #parts: DeliveriesParts;

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
  }

  /** Delivers what has come of a partition. */
  receive(reading: Reading, { records, aborted }: FetchedPartition): void {
    const parts = partsOf(ownBytes(records), PART_BYTES);
    let { position: from, leaderEpoch: epoch } = reading;
    const { version } = reading;
    const { deliver, place } = this.#parts;
    const acknowledge = reading.acks.acknowledger();
    const readCommitted = new AbortIndex(aborted);
    try {
      for (const part of parts) {
        deliver(this.#part(reading, part, from, readCommitted, acknowledge));
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
        place(reading);
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
    const { budget, mayWait, place, wake, corrupt } = this.#parts;
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
        if (decoded.error) corrupt(reading, decoded.nextOffset, decoded.error);
        open = decoded.unpacked + MESSAGE_BYTES * decoded.records.length;
        budget.add(open);
        return new RecordBatchCursor(topic, partition, decoded.records, decoded.nextOffset, acknowledge);
      },
      close: () => {
        budget.release(open + waiting);
        if (reading.version === version) {
          reading.waiting -= waiting;
          reading.inTopic.waiting -= waiting;
        }
        open = waiting = 0;
        if (reading.version !== version || reading.waiting >= mayWait()) return;
        place(reading);
        if (reading.inTopic.isCrowded) wake(reading.nodeId); // another's turn may have come
      },
    };
  }

  /** What has come of a partition is not delivered any more, and no longer counts. */
  forget(reading: Reading): void {
    reading.version++;
    reading.inTopic.waiting -= reading.waiting;
    reading.waiting = 0;
  }
}

/**
 * What came of a partition, apart from the answer that it came in if that is many times as large: what waits would keep all
 * of it in memory. To copy everything would cost a twelfth of the speed.
 */
function ownBytes(records: Uint8Array): Uint8Array {
  return records.length * ANSWER_TIMES < records.buffer.byteLength ? Buffer.from(records) : records;
}
