import { CODEC_NAMES, type CodecName } from "./codec.ts";
import { WireError } from "./errors.ts";

/*
 * Where the fields of a record batch of magic 2 are (KIP-98). The checksum covers everything from ATTRIBUTES on; the
 * broker sets BASE_OFFSET and PARTITION_LEADER_EPOCH, which lie before it, without computing it anew.
 */
export const BASE_OFFSET = 0; // int64
export const BATCH_LENGTH = 8; // int32: bytes after this field
export const PARTITION_LEADER_EPOCH = 12; // int32
export const MAGIC = 16; // int8
export const CRC = 17; // uint32
export const ATTRIBUTES = 21; // int16
export const LAST_OFFSET_DELTA = 23; // int32
export const BASE_TIMESTAMP = 27; // int64
export const MAX_TIMESTAMP = 35; // int64
export const PRODUCER_ID = 43; // int64
export const PRODUCER_EPOCH = 51; // int16
export const BASE_SEQUENCE = 53; // int32
export const RECORD_COUNT = 57; // int32
export const RECORDS = 61;

/** Bytes before and including BATCH_LENGTH, which its value does not count. */
export const LOG_OVERHEAD_BYTES = 12;

export const CODEC_MASK = 0x07;
export const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;

/** The header of a record batch, with its attributes taken apart. Timestamps are milliseconds since 1970. */
export interface BatchHeader {
  readonly baseOffset: number;
  /** Bytes from the first of the header to the last record, so where the next batch begins. */
  readonly size: number;
  readonly partitionLeaderEpoch: number;
  readonly crc: number;
  /** Null: not compressed. */
  readonly codec: CodecName | null;
  readonly isLogAppendTime: boolean;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  /** -1: not from an idempotent producer. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * Reads the header of the batch of magic 2 that begins at `start`. The checksum is not verified, and that the records
 * are all there is the caller's to check (`size`). Throws `WireError` if the header itself is cut short or makes no sense.
 */
export function readBatchHeader(bytes: Uint8Array, start = 0): BatchHeader {
  if (bytes.length - start < RECORDS) {
    throw new WireError(`a batch header takes ${RECORDS} bytes, but ${bytes.length - start} are left`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, RECORDS);
  const magic = view.getInt8(MAGIC);
  if (magic !== 2) throw new WireError(`its magic is ${magic} and should be 2`);
  const length = view.getInt32(BATCH_LENGTH);
  if (length < RECORDS - LOG_OVERHEAD_BYTES) throw new WireError(`its length is ${length}, less than its own header`);
  const attributes = view.getInt16(ATTRIBUTES);
  const codecId = attributes & CODEC_MASK;
  if (codecId > CODEC_NAMES.length) throw new WireError(`no compression codec has the id ${codecId}`);
  const baseOffset = int64(view, BASE_OFFSET);
  const producerId = int64(view, PRODUCER_ID);
  const lastOffsetDelta = view.getInt32(LAST_OFFSET_DELTA);
  if (baseOffset < 0 || !Number.isSafeInteger(baseOffset + lastOffsetDelta) || lastOffsetDelta < 0) {
    throw new WireError(`its offsets are ${baseOffset} and ${lastOffsetDelta} more`);
  }
  if (!Number.isSafeInteger(producerId)) throw new WireError(`its producer id ${producerId} is not a safe integer`);
  return {
    baseOffset,
    size: LOG_OVERHEAD_BYTES + length,
    partitionLeaderEpoch: view.getInt32(PARTITION_LEADER_EPOCH),
    crc: view.getUint32(CRC),
    codec: codecId === 0 ? null : CODEC_NAMES[codecId - 1] ?? null,
    isLogAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    lastOffsetDelta,
    // A producer may have sent any timestamp; one beyond the safe integers is rounded, so that it blocks no partition.
    baseTimestamp: int64(view, BASE_TIMESTAMP),
    maxTimestamp: int64(view, MAX_TIMESTAMP),
    producerId,
    producerEpoch: view.getInt16(PRODUCER_EPOCH),
    baseSequence: view.getInt32(BASE_SEQUENCE),
    recordCount: view.getInt32(RECORD_COUNT),
  };
}

/** Bytes from where a batch begins, or a message of an older format, to the next; at least those that say so. */
export function sizeOfBatch(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < LOG_OVERHEAD_BYTES) return LOG_OVERHEAD_BYTES;
  const length = new DataView(bytes.buffer, bytes.byteOffset + at).getInt32(BATCH_LENGTH);
  // Too short for a header: what reads it has the words for that.
  return LOG_OVERHEAD_BYTES + Math.max(length, 0);
}

/** Writes an int64 that is a safe integer. */
export function setInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

/** Reads an int64; one beyond the safe integers is rounded. */
export function int64(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}
