import { type Codec, CODEC_NAMES, type CodecName } from "./codec.ts";
import { crc32c } from "./crc32c.ts";
import { WireError } from "./errors.ts";
import {
  ATTRIBUTES,
  BASE_SEQUENCE,
  BASE_TIMESTAMP,
  BATCH_LENGTH,
  CRC,
  LAST_OFFSET_DELTA,
  LOG_OVERHEAD_BYTES,
  MAGIC,
  MAX_TIMESTAMP,
  PARTITION_LEADER_EPOCH,
  PRODUCER_EPOCH,
  PRODUCER_ID,
  RECORD_COUNT,
  RECORDS,
  setInt64,
  TRANSACTIONAL,
} from "./record-batch.ts";
import { sizeOfUnsignedVarint, sizeOfVarlong, writeUnsignedVarint, writeVarlong } from "./varint.ts";

/** A record's headers, in order; a name may come more than once. */
export type Headers = readonly (readonly [name: string, value: Uint8Array | null])[];

/** Who sent a batch and which of theirs it is; -1 in all fields: not an idempotent producer. */
export interface ProducerState {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** The sequence of the batch's first record. */
  readonly baseSequence: number;
}

export interface BuildOptions extends Partial<ProducerState> {
  /** Which codec and its name; not compressed if missing. */
  readonly codec?: { readonly name: CodecName; readonly codec: Codec };
  readonly transactional?: boolean;
}

const utf8 = new TextEncoder();
const NO_HEADERS: Headers = [];
// Up to this many bytes a loop (0.7 ns a byte) is as fast as a call of Uint8Array.set (10 to 14 ns) on all three runtimes.
const SHORT_COPY_BYTES = 16;
// The most that a record takes besides its key, value and headers: its length, attributes, two deltas, three counts.
const RECORD_OVERHEAD_BYTES = 5 + 1 + 8 + 5 + 5 + 5 + 5;

/**
 * The producer's side of a record batch of magic 2: records are appended to one buffer as they will be sent, and
 * `build` puts the header before them. One builder makes one batch.
 *
 *     const builder = new BatchBuilder();
 *     builder.append(null, value, [], Date.now());
 *     const batch = builder.build();
 */
export class BatchBuilder {
  #bytes: Uint8Array;
  #at = RECORDS;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;
  #built: Uint8Array | null = null;

  /** `capacity`: bytes to begin with; the buffer doubles as needed. */
  constructor(capacity = 16_384) {
    this.#bytes = new Uint8Array(Math.max(capacity, RECORDS));
  }

  /** Records appended. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the batch so far, header included, before any compression. */
  get size(): number {
    return this.#at;
  }

  /** The latest of the records' timestamps, in milliseconds since 1970. */
  get maxTimestamp(): number {
    return this.#maxTimestamp;
  }

  /**
   * Adds a record and returns the new size in bytes. The bytes are copied; the caller may reuse theirs.
   * `timestamp` is in milliseconds since 1970. Throws `WireError` once the batch has been built, and for what cannot be
   * written; the batch is then as it was.
   */
  append(key: Uint8Array | null, value: Uint8Array | null, headers: Headers, timestamp: number): number {
    if (this.#built !== null) throw new WireError("the batch has been built: begin a new one");
    if (!Number.isSafeInteger(timestamp)) throw new WireError(`${timestamp} is not a timestamp`);
    const encoded = headers.length === 0 ? null : encodeHeaders(headers);

    if (this.#count === 0) this.#baseTimestamp = this.#maxTimestamp = timestamp;
    else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;

    const offsetDelta = this.#count++ * 2; // zig-zag of what is never negative
    const timestampDelta = timestamp - this.#baseTimestamp;
    const size = 1 + sizeOfVarlong(timestampDelta) + sizeOfUnsignedVarint(offsetDelta) + sizeOfField(key) +
      sizeOfField(value) + (encoded === null ? 1 : encoded.length);
    this.#reserve(size + 5);

    const bytes = this.#bytes;
    let at = writeUnsignedVarint(bytes, this.#at, size * 2);
    bytes[at++] = 0; // attributes: none are defined for a record
    at = writeVarlong(bytes, at, timestampDelta);
    at = writeUnsignedVarint(bytes, at, offsetDelta);
    at = writeField(bytes, at, key);
    at = writeField(bytes, at, value);
    if (encoded === null) bytes[at++] = 0;
    else {
      bytes.set(encoded, at);
      at += encoded.length;
    }
    return this.#at = at;
  }

  /**
   * The finished batch, ready for a Produce request. It is a view of the builder's own buffer unless compressed.
   * Throws `WireError` if it is empty or was built before.
   */
  build(options: BuildOptions = {}): Uint8Array {
    if (this.#count === 0) throw new WireError("a batch without records cannot be sent");
    if (this.#built !== null) throw new WireError("the batch was built before: stamp() changes its producer");
    const { codec, producerId = -1, producerEpoch = -1, baseSequence = -1, transactional = false } = options;
    const batch = codec === undefined ? this.#bytes.subarray(0, this.#at) : this.#compressed(codec.codec);
    const view = viewOf(batch);
    view.setInt32(BATCH_LENGTH, batch.length - LOG_OVERHEAD_BYTES);
    view.setInt32(PARTITION_LEADER_EPOCH, -1);
    view.setInt8(MAGIC, 2);
    const codecId = codec === undefined ? 0 : CODEC_NAMES.indexOf(codec.name) + 1;
    view.setInt16(ATTRIBUTES, codecId | (transactional ? TRANSACTIONAL : 0));
    view.setInt32(LAST_OFFSET_DELTA, this.#count - 1);
    setInt64(view, BASE_TIMESTAMP, this.#baseTimestamp);
    setInt64(view, MAX_TIMESTAMP, this.#maxTimestamp);
    view.setInt32(RECORD_COUNT, this.#count);
    this.#built = batch;
    return this.stamp({ producerId, producerEpoch, baseSequence });
  }

  /**
   * Gives the built batch another producer id, epoch and sequence, in place, for an idempotent producer that had to
   * initialise itself anew. Not while an earlier request that holds these very bytes is still being written.
   */
  stamp(producer: ProducerState): Uint8Array {
    const batch = this.#built;
    if (batch === null) throw new WireError("the batch has not been built yet");
    const view = viewOf(batch);
    setInt64(view, PRODUCER_ID, producer.producerId);
    view.setInt16(PRODUCER_EPOCH, producer.producerEpoch);
    view.setInt32(BASE_SEQUENCE, producer.baseSequence);
    view.setUint32(CRC, crc32c(batch, ATTRIBUTES));
    return batch;
  }

  #compressed(codec: Codec): Uint8Array {
    const records = codec.compress(this.#bytes.subarray(RECORDS, this.#at));
    const batch = new Uint8Array(RECORDS + records.length);
    batch.set(records, RECORDS);
    return batch;
  }

  #reserve(size: number): void {
    const needed = this.#at + size;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
  }
}

/** At most as many bytes as a record takes in a batch, whatever its place: to see whether it still fits. */
export function maxRecordSize(key: Uint8Array | null, value: Uint8Array | null, headers: Headers = NO_HEADERS): number {
  let size = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, bytes] of headers) size += 10 + name.length * 3 + (bytes?.length ?? 0);
  return size;
}

function sizeOfField(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfUnsignedVarint(bytes.length * 2) + bytes.length;
}

function writeField(target: Uint8Array, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    target[at] = 1; // zig-zag of -1
    return at + 1;
  }
  const length = bytes.length;
  at = writeUnsignedVarint(target, at, length * 2);
  if (length > SHORT_COPY_BYTES) target.set(bytes, at);
  else for (let i = 0; i < length; i++) target[at + i] = bytes[i] as number;
  return at + length;
}

function encodeHeaders(headers: Headers): Uint8Array {
  const names = headers.map(([name]) => utf8.encode(name));
  let size = 5;
  headers.forEach(([, value], i) => size += 10 + (names[i]?.length ?? 0) + (value?.length ?? 0));
  const bytes = new Uint8Array(size);
  let at = writeUnsignedVarint(bytes, 0, headers.length * 2);
  headers.forEach(([, value], i) => {
    at = writeField(bytes, at, names[i] ?? null);
    at = writeField(bytes, at, value);
  });
  return bytes.subarray(0, at);
}

function viewOf(batch: Uint8Array): DataView {
  return new DataView(batch.buffer, batch.byteOffset, RECORDS);
}
