/*
 * Snappy as Kafka's clients write it: not Snappy's own framing but that of snappy-java ("xerial"), a header and blocks
 * with their lengths. Some clients send one bare block instead; both are read. The blocks themselves are hysnappy's.
 */
import { snappyCompressor, snappyUncompressor } from "hysnappy";

const HEADER = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
const MAGIC_BYTES = 8; // of the header; then come a version and the oldest compatible one
const BLOCK_BYTES = 32 * 1024; // snappy-java's
const LARGEST_EXPANSION = 22; // three bytes say "copy 64"

let compressor: ReturnType<typeof snappyCompressor> | undefined;
let uncompressor: ReturnType<typeof snappyUncompressor> | undefined;

/** Compresses into xerial framing. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  compressor ??= snappyCompressor();
  const blocks: Uint8Array[] = [];
  let size = HEADER.length;
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    const block = compressor(bytes.subarray(start, start + BLOCK_BYTES));
    blocks.push(block);
    size += 4 + block.length;
  }
  const framed = new Uint8Array(size);
  const view = new DataView(framed.buffer);
  framed.set(HEADER);
  let at = HEADER.length;
  for (const block of blocks) {
    view.setInt32(at, block.length);
    framed.set(block, at + 4);
    at += 4 + block.length;
  }
  return framed;
}

/** Decompresses xerial framing or one bare block. Throws if it is broken, or larger than `limit` bytes. */
export function decompressSnappy(bytes: Uint8Array, limit: number): Uint8Array {
  const blocks = isFramed(bytes) ? splitFrames(bytes) : [bytes];
  const sizes = blocks.map(uncompressedSize);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > limit) throw new Error(`${total} bytes of snappy are more than the limit of ${limit}`);
  uncompressor ??= snappyUncompressor();
  const out = new Uint8Array(total);
  let at = 0;
  for (const [i, block] of blocks.entries()) {
    const size = sizes[i] ?? 0;
    if (size > 0) out.set(uncompressor(block, size), at);
    at += size;
  }
  return out;
}

function isFramed(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER.length) return false;
  for (let i = 0; i < MAGIC_BYTES; i++) if (bytes[i] !== HEADER[i]) return false;
  return true;
}

function splitFrames(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  for (let at = HEADER.length; at < bytes.length;) {
    const size = bytes.length - at < 4 ? -1 : view.getInt32(at);
    at += 4;
    if (size < 0 || size > bytes.length - at) throw new Error("a block of snappy is cut short");
    blocks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return blocks;
}

/** What a block says at its start, if that is possible at all: it decides how much memory is taken. */
function uncompressedSize(block: Uint8Array): number {
  let size = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * i);
    if (byte >= 0x80) continue;
    if (size > block.length * LARGEST_EXPANSION) break;
    return size;
  }
  throw new Error("a block of snappy does not begin with its length");
}
