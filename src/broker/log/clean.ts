import type { Codecs } from "../../wire/codec.ts";
import { type BatchHeader, readBatchHeader } from "../../wire/record-batch.ts";
import type { LogConfig } from "./config.ts";
import { eachRecord, emptyBatch, filterBatch } from "./filter.ts";
import type { AbortedTransaction } from "./aborted.ts";
import type { Producers } from "./producers.ts";
import { Segment } from "./segment.ts";
import type { Stores } from "./stores.ts";

export interface CleanOptions {
  /** All but the one that is being written to. */
  readonly segments: readonly Segment[];
  /** Up to here the log was compacted before. */
  readonly cleanedTo: number;
  /** The first open transaction begins here, or the log ends: nothing after it is touched. */
  readonly upTo: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly producers: Producers;
  readonly config: LogConfig;
  readonly stores: Stores;
  readonly codecs: Codecs;
  /** How large a segment may be: small neighbours become one. */
  readonly limit: number;
  readonly now: number;
}

export interface Cleaned {
  /** How many of the segments, from the first, have become `segments`. */
  readonly replaced: number;
  readonly segments: Segment[];
  readonly cleanedTo: number;
  /** False: for lack of memory some have stayed as they were. */
  readonly isWhole: boolean;
}

/**
 * Compacts a log as Kafka's cleaner does: of each key the last record stays; tombstones and the markers of transactions
 * that have no records left go once they have been compacted for `delete.retention.ms`; records of aborted transactions
 * go at once. The batches of a producer that may be sent again stay, without their records, so that they are known after
 * a restart (of all but the last one Kafka keeps only snapshots). Undefined: it is not yet worth it.
 */
export function clean(options: CleanOptions): Cleaned | undefined {
  const { config, now, cleanedTo } = options;
  const candidates: Segment[] = [];
  for (const segment of options.segments) {
    if (segment.endOffset > options.upTo || now - segment.touchedAt < config.minCompactionLagMs) break;
    candidates.push(segment);
  }
  const dirty = candidates.filter(({ endOffset, size }) => endOffset > cleanedTo && size > 0);
  if (dirty.length === 0) return undefined;
  const bytes = (segments: readonly Segment[]) => segments.reduce((sum, { size }) => sum + size, 0);
  const isOverdue = dirty.some((segment) => now - segment.at(0).maxTimestamp > config.maxCompactionLagMs);
  if (!isOverdue && bytes(dirty) < config.minCleanableRatio * bytes(candidates)) return undefined;

  const last = lastOffsets(dirty, options);
  const withData = new Set<number>();
  const groups: { segments: Segment[]; batches: Uint8Array[]; size: number }[] = [];
  for (const segment of candidates) {
    const batches = cleanSegment(segment, last, withData, options);
    const size = batches.reduce((sum, batch) => sum + batch.length, 0);
    const group = groups.at(-1);
    if (group === undefined || group.size + size > options.limit) groups.push({ segments: [segment], batches, size });
    else {
      group.segments.push(segment);
      group.batches.push(...batches);
      group.size += size;
    }
  }
  const cleaned: Segment[] = [];
  let isWhole = true;
  for (const { segments, batches } of groups) {
    const merged = merge(segments, batches, options);
    if (merged === undefined) {
      cleaned.push(...segments); // no memory to do it: they stay as they are
      isWhole = false;
    } else cleaned.push(merged);
  }
  const reached = candidates.at(-1)?.endOffset ?? cleanedTo;
  return { replaced: candidates.length, segments: cleaned, cleanedTo: reached, isWhole };
}

/** The last offset of each key. */
function lastOffsets(segments: readonly Segment[], options: CleanOptions): Map<string, number> {
  const last = new Map<string, number>();
  for (const [header, batch] of batchesOf(segments)) {
    if (header.isControl || isAborted(header, options.aborted)) continue;
    eachRecord(header, batch, options.codecs, options.config.maxDecompressed, ({ key, offset }) => {
      if (key !== undefined) last.set(key, offset);
    });
  }
  return last;
}

function cleanSegment(
  segment: Segment,
  last: ReadonlyMap<string, number>,
  withData: Set<number>,
  options: CleanOptions,
): Uint8Array[] {
  const { config, codecs, now, producers } = options;
  const isLate = segment.cleanedAt !== undefined && now - segment.cleanedAt > config.deleteRetentionMs;
  const kept: Uint8Array[] = [];
  for (const [header, batch] of batchesOf([segment])) {
    const { producerId } = header;
    let rest: Uint8Array | undefined;
    if (header.isControl) {
      if (withData.delete(producerId) || !isLate) rest = batch;
    } else if (!isAborted(header, options.aborted)) {
      rest = filterBatch(header, batch, codecs, config.maxDecompressed, ({ key, offset, isTombstone }) => {
        return key !== undefined && (last.get(key) ?? offset) <= offset && !(isTombstone && isLate);
      });
      if (rest !== undefined && header.isTransactional && header.recordCount > 0) withData.add(producerId);
    }
    if (rest === undefined && producerId >= 0) {
      const lastOffset = header.baseOffset + header.lastOffsetDelta;
      if (producers.get(producerId)?.batches.some((one) => one.lastOffset === lastOffset)) rest = emptyBatch(batch);
    }
    if (rest !== undefined) kept.push(rest);
  }
  return kept;
}

function merge(
  segments: readonly Segment[],
  batches: readonly Uint8Array[],
  options: CleanOptions,
): Segment | undefined {
  const [first, ...others] = segments;
  if (first === undefined) return undefined;
  const store = options.stores.replace(first.baseOffset, first.store, batches);
  if (store === undefined) return undefined;
  const merged = new Segment(first.baseOffset, store, first.createdAt);
  merged.touchedAt = Math.max(...segments.map(({ touchedAt }) => touchedAt));
  merged.cleanedAt = Math.max(...segments.map(({ cleanedAt }) => cleanedAt ?? options.now));
  for (let position = 0; position < store.size;) {
    const { size, baseOffset, lastOffset, maxTimestamp } = merged.at(position);
    merged.note(position, baseOffset, lastOffset, maxTimestamp);
    position += size;
  }
  merged.endOffset = segments.at(-1)?.endOffset ?? merged.endOffset;
  for (const other of others) other.store.remove();
  return merged;
}

function isAborted(header: BatchHeader, aborted: readonly AbortedTransaction[]): boolean {
  const { isTransactional, producerId, baseOffset } = header;
  return isTransactional &&
    aborted.some((transaction) =>
      transaction.producerId === producerId && transaction.firstOffset <= baseOffset &&
      baseOffset < transaction.lastOffset
    );
}

function* batchesOf(segments: readonly Segment[]): IterableIterator<[BatchHeader, Uint8Array]> {
  for (const segment of segments) {
    for (const { position, size } of segment.batches()) {
      const batch = segment.store.read(position, size);
      yield [readBatchHeader(batch), batch];
    }
  }
}
