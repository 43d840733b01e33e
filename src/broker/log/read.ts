import type { Segment } from "./segment.ts";
import type { Segments } from "./segments.ts";

/** Whole batches and, at the end, perhaps the beginning of one. */
export interface Stretch {
  readonly pieces: Uint8Array[];
  readonly size: number;
  /** No offset from here on is in it. */
  readonly reached: number;
}

/**
 * Reads at most `maxBytes` of the batches from the one that has the offset `from` up to those that begin at `bound`.
 * `atLeastOne`: a first batch that is larger comes all the same.
 */
export function readBatches(
  segments: Segments,
  from: number,
  bound: number,
  maxBytes: number,
  atLeastOne: boolean,
): Stretch {
  const pieces: Uint8Array[] = [];
  const found = segments.find(from);
  if (found === undefined || found.batch.baseOffset >= bound) return { pieces, size: 0, reached: from };
  let { index, batch: { position, size: first } } = found;
  let left = first > maxBytes && atLeastOne ? first : maxBytes;
  if (first > left) return { pieces, size: 0, reached: from };
  let reached = from;
  let size = 0;
  for (let segment = segments.all[index]; segment !== undefined && left > 0; segment = segments.all[++index]) {
    const end = positionOf(segment, bound);
    const length = Math.min(left, end - position);
    if (length > 0) pieces.push(segment.store.read(position, length));
    reached = Math.min(bound, segment.offsetAfter(position + length));
    left -= length;
    size += length;
    if (end < segment.size) break;
    position = 0;
  }
  return { pieces, size, reached };
}

/** How many bytes the batches have from the one with the offset `from` up to those that begin at `bound`. */
export function sizeBetween(segments: Segments, from: number, bound: number): number {
  if (from >= bound) return 0;
  const found = segments.find(from);
  if (found === undefined || found.batch.baseOffset >= bound) return 0;
  let size = -found.batch.position;
  for (let index = found.index; index < segments.all.length; index++) {
    const segment = segments.all[index];
    if (segment === undefined || segment.baseOffset >= bound) break;
    size += positionOf(segment, bound);
  }
  return size;
}

/** The batches, whole, in which the first record of a time or later, not before an offset, is to be looked for. */
export function* batchesAtTime(segments: Segments, timestamp: number, from: number): IterableIterator<Uint8Array> {
  for (const segment of segments.all) {
    for (const { position, size } of segment.findByTime(timestamp, from)) yield segment.store.read(position, size);
  }
}

function positionOf(segment: Segment, bound: number): number {
  if (bound >= segment.endOffset) return segment.size;
  return bound <= segment.baseOffset ? 0 : segment.find(bound)?.position ?? segment.size;
}
