import { Buffer } from "node:buffer";
import { CODEC_NAMES, type CodecName, type Codecs } from "../../wire/codec.ts";
import { crc32c } from "../../wire/crc32c.ts";
import {
  ATTRIBUTES,
  BATCH_LENGTH,
  type BatchHeader,
  CODEC_MASK,
  CRC,
  LOG_OVERHEAD_BYTES,
  MAX_TIMESTAMP,
  RECORD_COUNT,
  RECORDS,
  setInt64,
} from "../../wire/record-batch.ts";
import { type RecordPlace, scanRecords } from "./scan.ts";

/** A record, as compaction looks at it. */
export interface CompactedRecord {
  readonly offset: number;
  /** The key's bytes, one a character; undefined: it has none. */
  readonly key: string | undefined;
  readonly isTombstone: boolean;
}

/** Goes through the records of a batch. False: they are compressed, and the codec is not at hand. */
export function eachRecord(
  header: BatchHeader,
  batch: Uint8Array,
  codecs: Codecs,
  limit: number,
  visit: (record: CompactedRecord) => void,
): boolean {
  const records = recordsOf(header, batch, codecs, limit);
  if (records === undefined) return false;
  const { bytes, start } = records;
  scanRecords(bytes, start, bytes.length, header.recordCount, (place) => visit(describe(header, bytes, place)));
  return true;
}

/**
 * The batch with only those of its records that `keep` wants: itself if it wants all, undefined if it wants none. The
 * offsets and what the header says of producer and offsets stay; its highest timestamp is that of the records left. A batch that cannot be read stays as it is.
 */
export function filterBatch(
  header: BatchHeader,
  batch: Uint8Array,
  codecs: Codecs,
  limit: number,
  keep: (record: CompactedRecord) => boolean,
): Uint8Array | undefined {
  const records = recordsOf(header, batch, codecs, limit);
  if (records === undefined) return batch;
  const { bytes, start } = records;
  const kept: Uint8Array[] = [];
  let latest = -1;
  scanRecords(bytes, start, bytes.length, header.recordCount, (place) => {
    if (!keep(describe(header, bytes, place))) return;
    kept.push(bytes.subarray(place.start, place.end));
    latest = Math.max(latest, header.baseTimestamp + place.timestampDelta);
  });
  if (kept.length === header.recordCount) return batch;
  if (kept.length === 0) return undefined;
  const content = Buffer.concat(kept);
  const codec = header.codec === null ? undefined : codecs[header.codec];
  const rebuilt = rebuild(batch, codec === undefined ? content : codec.compress(content), kept.length);
  if (!header.isLogAppendTime) setInt64(new DataView(rebuilt.buffer), MAX_TIMESTAMP, latest);
  return sealed(rebuilt);
}

/** The batch with its records compressed by another codec, null: not at all. Undefined: a codec is not at hand. */
export function recompress(
  header: BatchHeader,
  batch: Uint8Array,
  name: CodecName | null,
  codecs: Codecs,
  limit: number,
): Uint8Array | undefined {
  const records = recordsOf(header, batch, codecs, limit);
  const codec = name === null ? undefined : codecs[name];
  if (records === undefined || (name !== null && codec === undefined)) return undefined;
  const content = records.bytes.subarray(records.start);
  const rebuilt = rebuild(batch, codec === undefined ? content : codec.compress(content), header.recordCount);
  const view = new DataView(rebuilt.buffer);
  const id = name === null ? 0 : CODEC_NAMES.indexOf(name) + 1;
  view.setInt16(ATTRIBUTES, (view.getInt16(ATTRIBUTES) & ~CODEC_MASK) | id);
  view.setUint32(CRC, crc32c(rebuilt, ATTRIBUTES));
  return rebuilt;
}

/** The batch without its records: what it says of its producer and of its offsets stays. */
export function emptyBatch(batch: Uint8Array): Uint8Array {
  const empty = rebuild(batch, new Uint8Array(0), 0);
  // Nothing is not what a codec makes of nothing: readers would fail on it.
  const view = new DataView(empty.buffer);
  view.setInt16(ATTRIBUTES, view.getInt16(ATTRIBUTES) & ~CODEC_MASK);
  return sealed(empty);
}

function rebuild(batch: Uint8Array, records: Uint8Array, count: number): Uint8Array {
  const rebuilt = new Uint8Array(RECORDS + records.length);
  rebuilt.set(batch.subarray(0, RECORDS));
  rebuilt.set(records, RECORDS);
  const view = new DataView(rebuilt.buffer);
  view.setInt32(BATCH_LENGTH, rebuilt.length - LOG_OVERHEAD_BYTES);
  view.setInt32(RECORD_COUNT, count);
  return rebuilt;
}

/** With its checksum right. */
function sealed(batch: Uint8Array): Uint8Array {
  new DataView(batch.buffer).setUint32(CRC, crc32c(batch, ATTRIBUTES));
  return batch;
}

function recordsOf(
  header: BatchHeader,
  batch: Uint8Array,
  codecs: Codecs,
  limit: number,
): { bytes: Uint8Array; start: number } | undefined {
  if (header.codec === null || header.recordCount === 0) return { bytes: batch, start: RECORDS };
  const codec = codecs[header.codec];
  if (codec === undefined) return undefined;
  try {
    return { bytes: codec.decompress(batch.subarray(RECORDS), limit), start: 0 };
  } catch {
    return undefined; // a producer may have sent anything: its readers will find it
  }
}

function describe(header: BatchHeader, bytes: Uint8Array, place: RecordPlace): CompactedRecord {
  const { offsetDelta, keyAt, keyLength, valueLength } = place;
  const key = keyLength < 0
    ? undefined
    : Buffer.from(bytes.buffer, bytes.byteOffset + keyAt, keyLength).toString("latin1");
  return { offset: header.baseOffset + offsetDelta, key, isTombstone: valueLength < 0 };
}
