import { CODEC_NAMES, type Codecs } from "./codec.ts";
import { WireError } from "./errors.ts";
import type { LogRecord } from "./record.ts";
import { CODEC_MASK, int64, LOG_APPEND_TIME, LOG_OVERHEAD_BYTES, MAGIC } from "./record-batch.ts";

/*
 * Messages of format 0 and 1, from before Kafka 0.11. Brokers write them no longer, and send those that old topics
 * still hold as they are. Each is an entry of its own: offset (int64), size (int32), checksum (uint32), magic (int8),
 * attributes (int8), in format 1 a timestamp (int64), key and value with their lengths (int32). The value of one whose
 * attributes name a codec is such messages, compressed: it has the offset of the last of them.
 */
const CHECKSUM = 12;
const ATTRIBUTES = 17;
const TIMESTAMP = 18;
/** Up to the key's length, by format. */
const HEADER = [18, 26] as const;
/** Kafka's own word for a message that has none. */
const NO_TIMESTAMP = -1;
const NO_HEADERS: LogRecord["headers"] = [];

/** Whether what begins here is of an older format than a record batch. */
export function isOldMessage(bytes: Uint8Array, at: number): boolean {
  const magic = bytes[at + MAGIC];
  return magic === 0 || magic === 1;
}

/** The offset of the message that begins here; of a compressed one that of the last in it. */
export function offsetOfOldMessage(bytes: Uint8Array, at: number): number {
  return int64(new DataView(bytes.buffer, bytes.byteOffset + at), 0);
}

/**
 * Appends the message that begins at `at`, or those in it, to `out`, as far as their offsets are `from` or higher. Throws
 * `WireError` unless all of them are whole; what was appended until then is the caller's to drop.
 */
export function readOldMessage(
  bytes: Uint8Array,
  at: number,
  from: number,
  codecs: Codecs | undefined,
  limit: number,
  out: LogRecord[],
): void {
  const { magic, attributes, record } = readOne(bytes, at);
  const codecId = attributes & CODEC_MASK;
  if (codecId === 0) {
    if (record.offset >= from) out.push(record);
    return;
  }
  const name = CODEC_NAMES[codecId - 1];
  const codec = name && codecs?.[name];
  if (codec === undefined) {
    throw new WireError(`it is compressed with ${name ?? codecId}, and that codec is not at hand`);
  }
  if (record.value === null) throw new WireError("it is compressed, and empty");
  const inside = readAll(codec.decompress(record.value, limit));
  // Since format 1 they count from 0, so that a broker need not compress them anew to give them their offsets.
  const base = magic === 0 ? 0 : record.offset - (inside.at(-1)?.offset ?? 0);
  for (const each of inside) {
    const offset = base + each.offset;
    const timestamp = attributes & LOG_APPEND_TIME ? record.timestamp : each.timestamp;
    if (offset >= from) out.push({ ...each, offset, timestamp });
  }
}

function readAll(bytes: Uint8Array): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    if (!isOldMessage(bytes, at)) throw new WireError("it holds something else than messages of its format");
    const { attributes, size, record } = readOne(bytes, at);
    if (attributes & CODEC_MASK) throw new WireError("it holds a compressed message, which is compressed itself");
    records.push(record);
    at += size;
  }
  return records;
}

function readOne(bytes: Uint8Array, at: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const magic = view.getInt8(MAGIC) === 0 ? 0 : 1;
  const size = LOG_OVERHEAD_BYTES + view.getInt32(LOG_OVERHEAD_BYTES - 4);
  if (size < HEADER[magic] + 8 || size > view.byteLength) throw new WireError(`it has a size of ${size}`);
  if (crc32(bytes, at + MAGIC, at + size) !== view.getUint32(CHECKSUM)) {
    throw new WireError("its checksum does not match");
  }
  let next: number = HEADER[magic];
  const field = (): Uint8Array | null => {
    if (next + 4 > size) throw new WireError("it does not end where its size says");
    const length = view.getInt32(next);
    const start = at + next + 4;
    next += 4 + Math.max(length, 0);
    if (next > size) throw new WireError("it does not end where its size says");
    return length < 0 ? null : bytes.subarray(start, start + length);
  };
  const [key, value] = [field(), field()];
  const timestamp = magic === 0 ? NO_TIMESTAMP : int64(view, TIMESTAMP);
  const record: LogRecord = { offset: int64(view, 0), timestamp, key, value, headers: NO_HEADERS };
  return { magic, attributes: view.getInt8(ATTRIBUTES), size, record };
}

const POLYNOMIAL = 0xedb88320; // IEEE's, its bits reversed
const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ POLYNOMIAL : byte >>> 1;
  return byte;
});

function crc32(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  for (let i = start; i < end; i++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return ~crc >>> 0;
}
