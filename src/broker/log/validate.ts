import { crc32c } from "../../wire/crc32c.ts";
import type { CodecName, Codecs } from "../../wire/codec.ts";
import {
  ATTRIBUTES,
  BASE_OFFSET,
  type BatchHeader,
  CRC,
  LOG_APPEND_TIME,
  MAX_TIMESTAMP,
  PARTITION_LEADER_EPOCH,
  readBatchHeader,
  RECORDS,
  setInt64,
} from "../../wire/record-batch.ts";
import { Code } from "../../wire/error-codes.ts";
import { messageOf } from "../../core/errors.ts";
import { AppendError, type RecordError } from "./error.ts";
import { recompress } from "./filter.ts";
import { scanRecords } from "./scan.ts";
import type { LogConfig } from "./config.ts";

/** A batch that may be appended, as far as its own bytes say. */
export interface Accepted {
  readonly header: BatchHeader;
  /** Exactly the batch. */
  readonly bytes: Uint8Array;
  /** Of its records, which the header may have got wrong; -1: unknown, since they are compressed. */
  readonly maxTimestamp: number;
}

/**
 * Checks what a client has sent to be appended: that it is one whole batch, its checksum, its limits, and its records as
 * far as they can be read. Throws `AppendError` with the code that Kafka has for it.
 */
export function acceptBatch(sent: Uint8Array, config: LogConfig, now: number, codecs: Codecs): Accepted {
  const header = readHeader(sent);
  const { size, recordCount, lastOffsetDelta } = header;
  if (size > sent.length) throw new AppendError(Code.INVALID_RECORD, "no whole batch was sent");
  if (header.baseOffset !== 0) {
    throw new AppendError(Code.INVALID_RECORD, `the base offset should be 0, but it is ${header.baseOffset}`);
  }
  checkSize(size, config);
  const bytes = sent.length === size ? sent : sent.subarray(0, size);
  if (crc32c(bytes, ATTRIBUTES) !== header.crc) {
    throw new AppendError(Code.CORRUPT_MESSAGE, "the batch's checksum does not match");
  }
  if (recordCount <= 0 || recordCount !== lastOffsetDelta + 1) {
    throw new AppendError(
      Code.INVALID_RECORD,
      `the batch says ${recordCount} records and offsets 0 to ${lastOffsetDelta}`,
    );
  }
  if (header.isControl) throw new AppendError(Code.INVALID_RECORD, "clients cannot write control records");
  if (header.producerId >= 0 && header.baseSequence < 0) {
    throw new AppendError(Code.INVALID_RECORD, `the sequence ${header.baseSequence} of producer ${header.producerId}`);
  }
  if (header.isLogAppendTime && config.logAppendTime) {
    throw new AppendError(Code.INVALID_TIMESTAMP, "producers cannot set the timestamp type to LogAppendTime");
  }
  const maxTimestamp = checkRecords(header, bytes, config, now, codecs);
  const stored = storedAs(header, config) === header.codec ? bytes : asStored(header, bytes, config, codecs);
  if (stored.length > config.segmentBytes) {
    throw new AppendError(Code.RECORD_LIST_TOO_LARGE, `the batch has ${stored.length} bytes, more than segment.bytes`);
  }
  return { header, bytes: stored, maxTimestamp };
}

function checkSize(size: number, { maxMessageBytes }: LogConfig): void {
  if (size <= maxMessageBytes) return;
  throw new AppendError(
    Code.MESSAGE_TOO_LARGE,
    `the batch has ${size} bytes, which is more than max.message.bytes, ${maxMessageBytes}`,
  );
}

/** The codec that the topic wants a batch to be stored with; null: none. */
function storedAs({ codec }: BatchHeader, { compression }: LogConfig): CodecName | null {
  if (compression === "producer") return codec;
  return compression === "uncompressed" ? null : compression;
}

function asStored(header: BatchHeader, bytes: Uint8Array, config: LogConfig, codecs: Codecs): Uint8Array {
  const stored = recompress(header, bytes, storedAs(header, config), codecs, config.maxDecompressed);
  if (stored === undefined) {
    throw new AppendError(
      Code.UNSUPPORTED_COMPRESSION_TYPE,
      `compression.type is ${config.compression}: no codec for it`,
    );
  }
  checkSize(stored.length, config);
  return stored;
}

function readHeader(sent: Uint8Array): BatchHeader {
  try {
    return readBatchHeader(sent);
  } catch (error) {
    throw new AppendError(Code.CORRUPT_MESSAGE, messageOf(error));
  }
}

/** The highest timestamp of the records. */
function checkRecords(header: BatchHeader, bytes: Uint8Array, config: LogConfig, now: number, codecs: Codecs): number {
  const latest = config.logAppendTime ? Infinity : now + config.timestampAfterMax;
  const earliest = config.logAppendTime ? -Infinity : now - config.timestampBeforeMax;
  let records = bytes;
  let start = RECORDS;
  if (header.codec !== null) {
    // Whoever reads them will see; here they are looked at only where they are opened anyway, where records without a key
    // would break compaction, and where the header says that there is a timestamp to refuse.
    const { baseTimestamp, maxTimestamp } = header;
    const isLate = maxTimestamp > latest || baseTimestamp < earliest;
    const opens = config.compact || isLate || storedAs(header, config) !== header.codec;
    const codec = opens ? codecs[header.codec] : undefined;
    if (codec === undefined) return -1;
    try {
      records = codec.decompress(bytes.subarray(RECORDS), config.maxDecompressed);
    } catch (error) {
      throw new AppendError(Code.CORRUPT_MESSAGE, messageOf(error));
    }
    start = 0;
  }
  const errors: RecordError[] = [];
  let code: Code = Code.INVALID_RECORD;
  let max = -1;
  let next = 0;
  try {
    scanRecords(records, start, records.length, header.recordCount, (record) => {
      const { offsetDelta, keyLength } = record;
      if (offsetDelta !== next) {
        throw new AppendError(Code.INVALID_RECORD, `record ${next} has the offset ${offsetDelta}`);
      }
      const timestamp = header.isLogAppendTime ? header.maxTimestamp : header.baseTimestamp + record.timestampDelta;
      if (timestamp > max) max = timestamp;
      if (config.compact && keyLength < 0) {
        errors.push({ batchIndex: next, batchIndexErrorMessage: "Compacted topic cannot accept message without key" });
      } else if (timestamp !== -1 && (timestamp > latest || timestamp < earliest)) {
        code = Code.INVALID_TIMESTAMP;
        errors.push({ batchIndex: next, batchIndexErrorMessage: `Timestamp ${timestamp} is out of range` });
      }
      next++;
    });
  } catch (error) {
    if (error instanceof AppendError) throw error;
    throw new AppendError(Code.INVALID_RECORD, messageOf(error));
  }
  if (errors.length > 0) {
    throw new AppendError(code, "One or more records have been rejected", errors);
  }
  return max;
}

/** Writes into the batch what is the broker's: its place, and the time of the append where the topic wants that. */
export function stampBatch(
  { bytes, header, maxTimestamp }: Accepted,
  baseOffset: number,
  leaderEpoch: number,
  appendTime: number | null,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORDS);
  setInt64(view, BASE_OFFSET, baseOffset);
  view.setInt32(PARTITION_LEADER_EPOCH, leaderEpoch);
  const max = appendTime ?? (maxTimestamp < 0 ? header.maxTimestamp : maxTimestamp);
  if (appendTime === null && max === header.maxTimestamp && !header.isLogAppendTime) return max;
  const attributes = view.getInt16(ATTRIBUTES) & ~LOG_APPEND_TIME;
  view.setInt16(ATTRIBUTES, appendTime === null ? attributes : attributes | LOG_APPEND_TIME);
  setInt64(view, MAX_TIMESTAMP, max);
  view.setUint32(CRC, crc32c(bytes, ATTRIBUTES));
  return max;
}
