import type { CodecName } from "./codec.ts";
import { WireError } from "./errors.ts";
import type { BatchHeader } from "./record-batch.ts";

/** A batch's records as one stretch of (decompressed) bytes. */
export interface RecordBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** What the records of a batch have in common. */
interface RecordSource {
  readonly codec: CodecName | undefined;
  readonly bytes: Uint8Array;
  readonly baseOffset: number;
  readonly baseTimestamp: number;
}

/** A record of the log, of whatever format. */
export interface LogRecord {
  readonly offset: number;
  /** Milliseconds since 1970; -1: none, as before Kafka 0.10. */
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[];
  /** Of the batch that it came in; missing: not compressed. */
  readonly compression?: CodecName | undefined;
}

/**
 * One record of a batch: positions in the batch's bytes, from which key, value and headers are cut only when asked for.
 * They are views: they are Node Buffers if what was read from is one, and they keep the whole Fetch answer in memory.
 *
 * All fields but `source` are small integers, so that a record is one object and no boxed numbers.
 */
export class WireRecord implements LogRecord {
  readonly #source: RecordSource;
  readonly #offsetDelta: number;
  readonly #timestampDelta: number;
  readonly #keyAt: number;
  readonly #keyLength: number;
  readonly #valueAt: number;
  readonly #valueLength: number;

  constructor(
    source: RecordSource,
    offsetDelta: number,
    timestampDelta: number,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
  ) {
    this.#source = source;
    this.#offsetDelta = offsetDelta;
    this.#timestampDelta = timestampDelta;
    this.#keyAt = keyAt;
    this.#keyLength = keyLength;
    this.#valueAt = valueAt;
    this.#valueLength = valueLength;
  }

  get offset(): number {
    return this.#source.baseOffset + this.#offsetDelta;
  }

  /** Milliseconds since 1970: the producer's, or the broker's if the topic says so. */
  get timestamp(): number {
    return this.#source.baseTimestamp + this.#timestampDelta;
  }

  get compression(): CodecName | undefined {
    return this.#source.codec;
  }

  get key(): Uint8Array | null {
    return slice(this.#source.bytes, this.#keyAt, this.#keyLength);
  }

  get value(): Uint8Array | null {
    return slice(this.#source.bytes, this.#valueAt, this.#valueLength);
  }

  get headers(): [name: string, value: Uint8Array | null][] {
    const { bytes } = this.#source;
    cursor = this.#valueAt + Math.max(this.#valueLength, 0);
    const headers: [string, Uint8Array | null][] = [];
    for (let left = readVarint(bytes); left > 0; left--) {
      const nameLength = readVarint(bytes);
      const nameAt = cursor;
      cursor += nameLength;
      const valueLength = readVarint(bytes);
      const valueAt = cursor;
      if (valueLength > 0) cursor += valueLength;
      headers.push([utf8.decode(bytes.subarray(nameAt, nameAt + nameLength)), slice(bytes, valueAt, valueLength)]);
    }
    return headers;
  }
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
// A length, attributes, two deltas, two lengths and the count of headers: a byte each.
const SMALLEST_RECORD_BYTES = 7;

/**
 * Appends the batch's records of offset `from` and higher to `out`. Throws `WireError` unless the batch is exactly as
 * many whole records as its header says, each within its own length; what was appended until then is the caller's to drop.
 */
export function readRecords(header: BatchHeader, records: RecordBytes, from: number, out: LogRecord[]): void {
  const { bytes, start, end: limit } = records;
  const { recordCount, baseOffset, lastOffsetDelta, isLogAppendTime } = header;
  if (recordCount < 0 || recordCount * SMALLEST_RECORD_BYTES > limit - start) {
    throw new WireError(`${recordCount} records cannot be in ${limit - start} bytes`);
  }
  const baseTimestamp = isLogAppendTime ? header.maxTimestamp : header.baseTimestamp;
  const source: RecordSource = { codec: header.codec ?? undefined, bytes, baseOffset, baseTimestamp };
  const firstWanted = from - baseOffset;
  let previous = -1;
  cursor = start;
  for (let i = 0; i < recordCount; i++) {
    const length = readVarint(bytes);
    const end = cursor + length;
    if (length < SMALLEST_RECORD_BYTES - 1 || end > limit) throw new WireError(`record ${i} has a length of ${length}`);
    cursor++; // attributes: none are defined for a record
    const timestampDelta = readVarlong(bytes);
    const offsetDelta = readVarint(bytes);
    const keyLength = readVarint(bytes);
    const keyAt = cursor;
    if (keyLength > 0) cursor += keyLength;
    const valueLength = readVarint(bytes);
    const valueAt = cursor;
    if (valueLength > 0) cursor += valueLength;
    // Any of the reads above may have run past the end: then they read on harmlessly, and are found out here.
    if (cursor >= end) throw new WireError(`record ${i} does not end where its length says`);
    if (bytes[cursor] === 0) cursor++; // no headers, as in most records
    else skipHeaders(bytes, end);
    if (cursor !== end) throw new WireError(`record ${i} does not end where its length says`);
    if (offsetDelta <= previous || offsetDelta > lastOffsetDelta) {
      throw new WireError(`record ${i} has the offset ${baseOffset} + ${offsetDelta}`);
    }
    previous = offsetDelta;
    if (offsetDelta >= firstWanted) {
      const delta = isLogAppendTime ? 0 : timestampDelta;
      out.push(new WireRecord(source, offsetDelta, delta, keyAt, keyLength, valueAt, valueLength));
    }
  }
  if (cursor !== limit) throw new WireError(`${limit - cursor} bytes are left after its last record`);
}

function skipHeaders(bytes: Uint8Array, end: number): void {
  const count = readVarint(bytes);
  if (count < 0 || count * 2 > end - cursor) throw new WireError(`a record has ${count} headers`);
  for (let i = 0; i < count; i++) {
    const nameLength = readVarint(bytes);
    if (nameLength < 0) throw new WireError("a header has no name");
    cursor += nameLength;
    const valueLength = readVarint(bytes);
    if (valueLength > 0) cursor += valueLength;
  }
}

function slice(bytes: Uint8Array, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : bytes.subarray(at, at + length);
}

/*
 * The position of the readers below, for all records of all batches: none of it is asynchronous. Past the end they read
 * zeros (`undefined` in a bit operation), so they end and the caller sees the wrong position: hence `as number`.
 */
let cursor = 0;

function readVarint(bytes: Uint8Array): number {
  const byte = bytes[cursor++] as number;
  return byte < 0x80 ? (byte >>> 1) ^ -(byte & 1) : readLongVarint(bytes, byte);
}

function readLongVarint(bytes: Uint8Array, byte: number): number {
  let value = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 28) throw new WireError("a varint is longer than 32 bits");
    byte = bytes[cursor++] as number;
    value |= (byte & 0x7f) << shift;
  }
  return (value >>> 1) ^ -(value & 1);
}

function readVarlong(bytes: Uint8Array): number {
  const byte = bytes[cursor++] as number;
  return byte < 0x80 ? (byte >>> 1) ^ -(byte & 1) : readLongVarlong(bytes, byte);
}

// Doubles, not BigInt: what is beyond 53 bits is no timestamp, and is rounded.
function readLongVarlong(bytes: Uint8Array, byte: number): number {
  let value = byte & 0x7f;
  for (let factor = 0x80; byte >= 0x80; factor *= 0x80) {
    if (factor > 2 ** 63) throw new WireError("a varint is longer than 64 bits");
    byte = bytes[cursor++] as number;
    value += (byte & 0x7f) * factor;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
