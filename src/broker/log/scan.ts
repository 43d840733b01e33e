import { WireError } from "../../wire/errors.ts";

/** One record of an uncompressed stretch of records: positions in its bytes. */
export interface RecordPlace {
  readonly start: number;
  readonly end: number;
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly keyAt: number;
  /** -1: null. */
  readonly keyLength: number;
  /** -1: null. */
  readonly valueLength: number;
}

/**
 * Steps through `count` records in `bytes[start, end)`. `visit` gets one object that is used again for the next record.
 * Throws `WireError` unless they are exactly as many whole records, each within its own length.
 */
export function scanRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  visit: (record: RecordPlace) => void,
): void {
  const place = { start: 0, end: 0, offsetDelta: 0, timestampDelta: 0, keyAt: 0, keyLength: 0, valueLength: 0 };
  cursor = start;
  for (let i = 0; i < count; i++) {
    place.start = cursor;
    const length = readVarint(bytes);
    const limit = place.end = cursor + length;
    if (length < 6 || limit > end) throw new WireError(`record ${i} has a length of ${length}`);
    cursor++; // attributes: none are defined for a record
    place.timestampDelta = readVarlong(bytes);
    place.offsetDelta = readVarint(bytes);
    place.keyLength = readVarint(bytes);
    place.keyAt = cursor;
    if (place.keyLength > 0) cursor += place.keyLength;
    place.valueLength = readVarint(bytes);
    if (place.valueLength > 0) cursor += place.valueLength;
    // Any of the reads above may have run past the end: then they read zeros, and are found out here.
    if (cursor >= limit) throw new WireError(`record ${i} does not end where its length says`);
    const headers = readVarint(bytes);
    if (headers < 0 || headers * 2 > limit - cursor) throw new WireError(`record ${i} has ${headers} headers`);
    for (let header = 0; header < headers; header++) {
      const name = readVarint(bytes);
      if (name < 0) throw new WireError(`record ${i} has a header without a name`);
      cursor += name;
      const value = readVarint(bytes);
      if (value > 0) cursor += value;
    }
    if (cursor !== limit) throw new WireError(`record ${i} does not end where its length says`);
    visit(place);
    cursor = limit;
  }
  if (cursor !== end) throw new WireError(`${end - cursor} bytes are left after the last record`);
}

/*
 * The position of the readers below: nothing here is asynchronous, and `visit` starts no scan of its own. wire/record.ts
 * has the same two readers. Shared, they would need a position that other files can move: as fast on Node and Bun, two to
 * five percent slower on Deno, and anybody's to move in the middle of a record.
 */
let cursor = 0;

function readVarint(bytes: Uint8Array): number {
  let byte = bytes[cursor++] as number; // undefined past the end counts as 0 in what follows
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let value = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 28) throw new WireError("a varint is longer than 32 bits");
    byte = bytes[cursor++] as number;
    value |= (byte & 0x7f) << shift;
  }
  return (value >>> 1) ^ -(value & 1);
}

function readVarlong(bytes: Uint8Array): number {
  let byte = bytes[cursor++] as number;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let value = byte & 0x7f;
  for (let factor = 0x80; byte >= 0x80; factor *= 0x80) {
    if (factor > 2 ** 63) throw new WireError("a varint is longer than 64 bits");
    byte = bytes[cursor++] as number;
    value += (byte & 0x7f) * factor;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
