import { readBatchHeader, RECORDS } from "../../wire/record-batch.ts";
import type { AbortedTransactions } from "./aborted.ts";
import { readMarker } from "./marker.ts";
import type { Producers } from "./producers.ts";
import type { Segment } from "./segment.ts";

/** Takes up the batch at a position of a segment from an earlier life, with what it says of its producer; gives its size. */
export function recallBatch(
  segment: Segment,
  position: number,
  producers: Producers,
  aborted: AbortedTransactions,
): number {
  const { size, baseOffset, lastOffset, maxTimestamp } = segment.at(position);
  segment.note(position, baseOffset, lastOffset, maxTimestamp);
  const header = readBatchHeader(segment.store.read(position, RECORDS));
  const { producerId, producerEpoch, isControl, recordCount } = header;
  if (producerId < 0) return size;
  if (!isControl) {
    producers.append(header, baseOffset);
    return size;
  }
  const marker = readMarker(segment.store.read(position, size), recordCount);
  if (marker === undefined) return size;
  const firstOffset = producers.end(producerId, producerEpoch, marker.coordinatorEpoch, maxTimestamp);
  if (marker.type === "abort") aborted.add(producerId, firstOffset, baseOffset);
  return size;
}
