import type { Codecs } from "./codec.ts";
import { crc32c } from "./crc32c.ts";
import { CorruptBatchError, WireError } from "./errors.ts";
import { isOldMessage, offsetOfOldMessage, readOldMessage } from "./message-set.ts";
import { ATTRIBUTES, type BatchHeader, readBatchHeader, RECORDS, sizeOfBatch } from "./record-batch.ts";
import { type LogRecord, readRecords, type RecordBytes } from "./record.ts";

/** A transaction that was aborted: a Fetch answer's `aborted`. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface DecodeOptions {
  /** The position: records of lower offsets, which a batch may begin with, are left out. */
  readonly from: number;
  /** Given: records of these transactions are left out. Missing: everything is read. */
  readonly readCommitted?: { readonly aborted: readonly AbortedTransaction[] } | AbortIndex;
  readonly codecs?: Codecs;
  /** The most bytes that one batch may have after decompression. Default 128 MiB. */
  readonly maxBatchSize?: number;
}

export interface DecodedRecords {
  readonly records: LogRecord[];
  /** Where to fetch next: after everything that was looked at, also control batches and what was compacted away. */
  readonly nextOffset: number;
  /** How many bytes were decompressed for them. */
  readonly unpacked: number;
  /** The batch at `nextOffset` cannot be read; `records` are those of the good batches before it. */
  readonly error?: CorruptBatchError;
}

const MAX_BATCH_BYTES = 128 * 1024 * 1024;
const ABORT = 0; // the type in a control record's key; 1 is COMMIT

/**
 * Reads the records that a Fetch answer has for a partition: any number of batches, of which the last may be cut short
 * (it is then left for the next fetch). Nothing is thrown for bad bytes: see {@link DecodedRecords.error}. A first batch
 * that is cut short is such an error, since brokers send at least one whole (KIP-74).
 */
export function decodeRecords(bytes: Uint8Array, options: DecodeOptions): DecodedRecords {
  const records: LogRecord[] = [];
  const { readCommitted } = options;
  const aborts = readCommitted instanceof AbortIndex
    ? readCommitted
    : readCommitted && new AbortIndex(readCommitted.aborted);
  let unpacked = 0;
  let nextOffset = options.from;
  let lastSeen = -1;
  let at = 0;
  while (at < bytes.length) {
    const good = records.length;
    try {
      const size = sizeOfBatch(bytes, at);
      if (size > bytes.length - at) {
        if (at > 0) break;
        throw new WireError(`it is cut short: ${bytes.length - at} of ${size} bytes`);
      }
      if (isOldMessage(bytes, at)) {
        const offset = offsetOfOldMessage(bytes, at);
        if (offset <= lastSeen) throw new WireError(`what is before it reaches to offset ${lastSeen}`);
        if (offset >= options.from) {
          readOldMessage(bytes, at, options.from, options.codecs, options.maxBatchSize ?? MAX_BATCH_BYTES, records);
        }
        lastSeen = offset;
        if (offset >= nextOffset) nextOffset = offset + 1;
        at += size;
        continue;
      }
      const header = readBatchHeader(bytes, at);
      if (crc32c(bytes, at + ATTRIBUTES, at + size) !== header.crc) throw new WireError("its checksum does not match");
      if (header.baseOffset <= lastSeen) throw new WireError(`the batch before it reaches to offset ${lastSeen}`);
      const lastOffset = header.baseOffset + header.lastOffsetDelta;
      if (isWanted(header, bytes, at, lastOffset, options, aborts)) {
        const part = payload(header, bytes, at, options);
        if (part.bytes !== bytes) unpacked += part.end;
        readRecords(header, part, options.from, records);
      }
      lastSeen = lastOffset;
      if (lastOffset >= nextOffset) nextOffset = lastOffset + 1;
      at += size;
    } catch (error) {
      records.length = good;
      const reason = error instanceof Error ? error.message : String(error);
      return {
        records,
        nextOffset,
        unpacked,
        error: new CorruptBatchError(baseOffsetAt(bytes, at), reason, { cause: error }),
      };
    }
  }
  return { records, nextOffset, unpacked };
}

function baseOffsetAt(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < 8) return -1;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  return view.getInt32(0) * 2 ** 32 + view.getUint32(4);
}

function isWanted(
  header: BatchHeader,
  bytes: Uint8Array,
  at: number,
  lastOffset: number,
  options: DecodeOptions,
  aborts: AbortIndex | undefined,
): boolean {
  aborts?.advance(lastOffset);
  if (header.isControl) {
    if (aborts && isAbortMarker(header, payload(header, bytes, at, options))) aborts.end(header.producerId);
    return false;
  }
  if (lastOffset < options.from) return false;
  return !(header.isTransactional && aborts?.has(header.producerId));
}

function payload(header: BatchHeader, bytes: Uint8Array, at: number, options: DecodeOptions): RecordBytes {
  if (header.codec === null) return { bytes, start: at + RECORDS, end: at + header.size };
  const codec = options.codecs?.[header.codec];
  if (codec === undefined) throw new WireError(`it is compressed with ${header.codec}, and that codec is not at hand`);
  const limit = options.maxBatchSize ?? MAX_BATCH_BYTES;
  const records = codec.decompress(bytes.subarray(at + RECORDS, at + header.size), limit);
  return { bytes: records, start: 0, end: records.length };
}

function isAbortMarker(header: BatchHeader, records: RecordBytes): boolean {
  const markers: LogRecord[] = [];
  readRecords(header, records, 0, markers);
  const key = markers[0]?.key;
  if (!key || key.length < 4) return false;
  // The key of a control record: version (int16), type (int16).
  return new DataView(key.buffer, key.byteOffset).getInt16(2) === ABORT;
}

/**
 * Which producers are inside an aborted transaction, while the batches go by in the order of their offsets: one for an
 * answer, also when that is read part by part.
 */
export class AbortIndex {
  readonly #ahead: AbortedTransaction[];
  readonly #producers = new Set<number>();
  #next = 0;

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#ahead = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Takes in the transactions that began at or before an offset. */
  advance(offset: number): void {
    for (;; this.#next++) {
      const next = this.#ahead[this.#next];
      if (next === undefined || next.firstOffset > offset) return;
      this.#producers.add(next.producerId);
    }
  }

  has(producerId: number): boolean {
    return this.#producers.has(producerId);
  }

  /** The producer's ABORT marker has gone by. */
  end(producerId: number): void {
    this.#producers.delete(producerId);
  }
}
