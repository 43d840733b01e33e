/*
 * The LZ4 block format: sequences of a token (two lengths of four bits), literals, and a match in what came before.
 * `as number` below: indices are checked against the ends, once a sequence instead of once a byte.
 */
const MIN_MATCH = 4;
const LAST_LITERALS_BYTES = 5; // a block ends with at least so many literals,
const MATCH_LIMIT_BYTES = 12; // and no match begins later than this before its end
const HASH_BITS = 13;
const LONG_COPY_BYTES = 32; // from here on the built-in copies are faster than a loop

/** The largest block that {@link compressBlock} takes: positions in it are kept in 16 bits. */
export const MAX_BLOCK_BYTES = 65_536;

/** At most as many bytes as {@link compressBlock} writes for `size` bytes. */
export function maxCompressedSize(size: number): number {
  return size + Math.ceil(size / 255) + 16;
}

// Where four bytes with this hash were last seen in the block. Cleared for each, so that the same bytes are always
// compressed to the same; shared, since nothing here is asynchronous.
const seen = new Uint16Array(1 << HASH_BITS);

/** Compresses `source[start, end)`, at most 64 KiB, into `target` at `at`; returns the position after it. */
export function compressBlock(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  seen.fill(0);
  const lastMatchStart = end - MATCH_LIMIT_BYTES;
  const matchEnd = end - LAST_LITERALS_BYTES;
  let anchor = start; // the first literal that is not written yet
  let misses = 0;
  for (let i = start + 1; i < lastMatchStart;) {
    const word = read32(source, i);
    const hash = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = start + (seen[hash] as number);
    seen[hash] = i - start;
    if (candidate >= i || read32(source, candidate) !== word) {
      i += 1 + (misses++ >>> 6); // what does not compress is stepped over faster and faster
      continue;
    }
    misses = 0;
    let length = MIN_MATCH;
    while (i + length < matchEnd && source[i + length] === source[candidate + length]) length++;
    at = writeSequence(source, anchor, i, target, at, length - MIN_MATCH);
    const distance = i - candidate;
    target[at++] = distance;
    target[at++] = distance >>> 8;
    if (length - MIN_MATCH >= 15) at = writeLength(target, at, length - MIN_MATCH - 15);
    i += length;
    anchor = i;
  }
  return writeSequence(source, anchor, end, target, at, 0);
}

/**
 * Decompresses the block `source[start, end)` into `target` at `at`, but not beyond `limit`; returns the position after
 * it. Matches may reach back to `window` in the target. Throws for anything that is not a whole block.
 */
export function decompressBlock(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  limit: number,
  window: number,
): number {
  for (let i = start; i < end;) {
    const token = source[i++] as number;
    let literals = token >>> 4;
    if (literals === 15) {
      let byte: number;
      do {
        if (i >= end) throw new Error("an LZ4 block is cut short");
        byte = source[i++] as number;
        literals += byte;
      } while (byte === 255);
    }
    if (literals > end - i) throw new Error("an LZ4 block is cut short");
    if (literals > limit - at) throw new Error("an LZ4 block is larger than its frame allows");
    if (literals > LONG_COPY_BYTES) target.set(source.subarray(i, i + literals), at);
    else for (let n = 0; n < literals; n++) target[at + n] = source[i + n] as number;
    i += literals;
    at += literals;
    if (i === end) return at; // the last sequence has no match

    if (end - i < 2) throw new Error("an LZ4 block is cut short");
    const distance = (source[i] as number) | (source[i + 1] as number) << 8;
    i += 2;
    let length = (token & 15) + MIN_MATCH;
    if (length === 15 + MIN_MATCH) {
      let byte: number;
      do {
        if (i >= end) throw new Error("an LZ4 block is cut short");
        byte = source[i++] as number;
        length += byte;
      } while (byte === 255);
    }
    if (distance === 0 || distance > at - window) throw new Error("an LZ4 match reaches back too far");
    if (length > limit - at) throw new Error("an LZ4 block is larger than its frame allows");
    // A match may overlap what it makes: then byte by byte repeats it.
    if (length > LONG_COPY_BYTES && distance >= length) target.copyWithin(at, at - distance, at - distance + length);
    else for (let n = 0; n < length; n++) target[at + n] = target[at + n - distance] as number;
    at += length;
  }
  throw new Error("an LZ4 block ends with a match");
}

function writeSequence(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  at: number,
  matchLength: number,
): number {
  const literals = end - start;
  target[at++] = Math.min(literals, 15) << 4 | Math.min(matchLength, 15);
  if (literals >= 15) at = writeLength(target, at, literals - 15);
  if (literals > LONG_COPY_BYTES) target.set(source.subarray(start, end), at);
  else for (let n = 0; n < literals; n++) target[at + n] = source[start + n] as number;
  return at + literals;
}

function writeLength(target: Uint8Array, at: number, rest: number): number {
  for (; rest >= 255; rest -= 255) target[at++] = 255;
  target[at++] = rest;
  return at;
}

function read32(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | (bytes[at + 1] as number) << 8 | (bytes[at + 2] as number) << 16 |
    (bytes[at + 3] as number) << 24;
}
