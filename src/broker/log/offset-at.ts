import type { Codecs } from "../../wire/codec.ts";
import { readBatchHeader, RECORDS } from "../../wire/record-batch.ts";
import type { Log } from "./log.ts";
import { scanRecords } from "./scan.ts";

/** The special times of ListOffsets. */
export const LATEST = -1;
export const EARLIEST = -2;
export const MAX_TIMESTAMP = -3;
export const EARLIEST_LOCAL = -4;
export const LATEST_TIERED = -5;

const NOTHING = { offset: -1, timestamp: -1 };
const MAX_DECOMPRESSED_BYTES = 128 * 1024 * 1024;

/** The first record of a time or later, or what a special time stands for; offset -1: there is none. */
export function offsetAt(
  log: Log,
  time: number,
  committed: boolean,
  codecs: Codecs,
): { offset: number; timestamp: number } {
  const end = committed ? log.lastStableOffset : log.endOffset;
  switch (time) {
    case LATEST:
      return { offset: end, timestamp: -1 };
    case EARLIEST:
    case EARLIEST_LOCAL:
      return { offset: log.startOffset, timestamp: -1 };
    case LATEST_TIERED:
      return NOTHING;
    case MAX_TIMESTAMP: {
      const max = log.maxTimestamp;
      return max < 0 ? NOTHING : search(log, max, codecs);
    }
    default: {
      const found = search(log, Math.max(time, 0), codecs);
      return found.offset < end ? found : NOTHING;
    }
  }
}

function search(log: Log, time: number, codecs: Codecs): { offset: number; timestamp: number } {
  // Compaction may have taken the record that a batch was found for, or the log begin after it: then a later one has it.
  for (const batch of log.batchesAtTime(time)) {
    const found = searchBatch(log, batch, time, codecs);
    if (found !== undefined) return found;
  }
  return NOTHING;
}

function searchBatch(
  log: Log,
  batch: Uint8Array,
  time: number,
  codecs: Codecs,
): { offset: number; timestamp: number } | undefined {
  const header = readBatchHeader(batch);
  const { baseOffset, recordCount, maxTimestamp } = header;
  if (recordCount === 0) return undefined;
  // Without its codec a compressed batch is found, but not the record in it.
  const whole = { offset: Math.max(baseOffset, log.startOffset), timestamp: maxTimestamp };
  let [bytes, start] = [batch, RECORDS];
  if (header.codec !== null) {
    const codec = codecs[header.codec];
    if (codec === undefined) return whole;
    try {
      [bytes, start] = [codec.decompress(batch.subarray(RECORDS), MAX_DECOMPRESSED_BYTES), 0];
    } catch {
      return whole; // a producer may have sent anything: its readers will find it
    }
  }
  let found: { offset: number; timestamp: number } | undefined;
  scanRecords(bytes, start, bytes.length, recordCount, ({ offsetDelta, timestampDelta }) => {
    const offset = baseOffset + offsetDelta;
    const timestamp = header.isLogAppendTime ? maxTimestamp : header.baseTimestamp + timestampDelta;
    if (found === undefined && timestamp >= time && offset >= log.startOffset) found = { offset, timestamp };
  });
  return found;
}
