import type { LogConfig } from "./config.ts";
import type { Segment } from "./segment.ts";
import type { Segments } from "./segments.ts";

/** From which offset on a log that may lose data is kept, by its age and its size. */
export function keepFrom(segments: Segments, config: LogConfig, endOffset: number, now: number): number {
  const { retentionMs, retentionBytes } = config;
  let excess = segments.size - retentionBytes;
  return Math.max(
    retentionMs < 0 ? 0 : after(segments, endOffset, (segment) => now - lastTime(segment) > retentionMs),
    retentionBytes < 0 ? 0 : after(segments, endOffset, (segment) => (excess -= segment.size) >= 0),
  );
}

/** Where the segments end, from the first, that are over. */
function after(segments: Segments, endOffset: number, isOver: (segment: Segment) => boolean): number {
  let offset = 0;
  for (const [index, segment] of segments.all.entries()) {
    if (segment.size === 0 || !isOver(segment)) break;
    offset = segments.endOf(index, endOffset);
  }
  return offset;
}

function lastTime(segment: Segment): number {
  return segment.maxTimestamp < 0 ? segment.touchedAt : segment.maxTimestamp;
}
