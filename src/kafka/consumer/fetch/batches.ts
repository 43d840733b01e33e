import { isOldMessage, offsetOfOldMessage } from "../../../wire/message-set.ts";
import { readBatchHeader, sizeOfBatch } from "../../../wire/record-batch.ts";
import { WireError } from "../../../wire/errors.ts";

/** Where the batches of a Fetch answer end. */
export interface BatchesEnd {
  /** The last offset of the whole ones; -1: there is none. */
  readonly lastOffset: number;
  /** Of the leader that took the last one; -1: it is not known, as of old messages. */
  readonly leaderEpoch: number;
}

/**
 * Where the whole batches in a Fetch answer end, by their headers alone: enough to ask for what follows before the records
 * are read. -1 when there is none, or it makes no sense: reading the records will say what is wrong.
 */
export function endOf(bytes: Uint8Array): BatchesEnd {
  let lastOffset = -1;
  let leaderEpoch = -1;
  let at = 0;
  try {
    while (at < bytes.length) {
      const size = sizeOfBatch(bytes, at);
      if (at + size > bytes.length) break;
      if (isOldMessage(bytes, at)) {
        lastOffset = offsetOfOldMessage(bytes, at);
        leaderEpoch = -1;
      } else {
        const header = readBatchHeader(bytes, at);
        lastOffset = header.baseOffset + header.lastOffsetDelta;
        leaderEpoch = header.partitionLeaderEpoch;
      }
      at += size;
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  return { lastOffset, leaderEpoch };
}

/**
 * Cuts a Fetch answer's batches into parts of about `bytes`, each of whole batches, at least one. What is cut short at the
 * end is left out; an answer without any whole batch is one part, so that reading it says what is wrong.
 */
export function partsOf(records: Uint8Array, bytes: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let from = 0;
  let at = 0;
  while (at < records.length) {
    const end = at + sizeOfBatch(records, at);
    if (end > records.length) break;
    if (at > from && end - from > bytes) {
      parts.push(records.subarray(from, at));
      from = at;
    }
    at = end;
  }
  if (at > from) parts.push(records.subarray(from, at));
  return parts.length > 0 ? parts : [records];
}
