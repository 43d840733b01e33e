/*
 * The LZ4 frame format, as Kafka uses it since message format 1 (KIP-57). Of our own, since the one library in plain
 * JavaScript that is in wide use, lz4js 0.2, writes frames that the Java client refuses ("Dependent block stream is
 * unsupported") and reads without checking anything; the others are native add-ons or load a .wasm file at run time.
 */
import { compressBlock, decompressBlock, MAX_BLOCK_BYTES, maxCompressedSize } from "./lz4-block.ts";
import { xxhash32 } from "./xxhash32.ts";

const MAGIC = 0x184d2204;
const VERSION = 0x40;
const VERSION_MASK = 0xc0;
const INDEPENDENT_BLOCKS = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const RESERVED = 0x02;
const DICTIONARY = 0x01;
const BLOCKS_OF_64_KIB = 4 << 4;
const STORED = 0x80000000; // in a block's size: it is not compressed
const LARGEST_EXPANSION = 255; // of a block, in times its compressed size

/** Compresses into one frame, with the flags that the Java client writes: independent blocks of 64 KiB, no checksums. */
export function compressLz4(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / MAX_BLOCK_BYTES);
  const frame = new Uint8Array(7 + blocks * 4 + maxCompressedSize(bytes.length) + blocks * 16 + 4);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  frame[4] = VERSION | INDEPENDENT_BLOCKS;
  frame[5] = BLOCKS_OF_64_KIB;
  frame[6] = headerChecksum(frame.subarray(4, 6));
  let at = 7;
  for (let start = 0; start < bytes.length; start += MAX_BLOCK_BYTES) {
    const end = Math.min(start + MAX_BLOCK_BYTES, bytes.length);
    const blockAt = at + 4;
    const blockEnd = compressBlock(bytes, start, end, frame, blockAt);
    if (blockEnd - blockAt < end - start) {
      view.setUint32(at, blockEnd - blockAt, true);
      at = blockEnd;
    } else {
      view.setUint32(at, STORED | (end - start), true);
      frame.set(bytes.subarray(start, end), blockAt);
      at = blockAt + end - start;
    }
  }
  view.setUint32(at, 0); // the end, over what a block that was stored after all may have left here
  return frame.subarray(0, at + 4);
}

/** Decompresses one frame, of any writer's. Throws if it is broken, or larger than `limit` bytes. */
export function decompressLz4(bytes: Uint8Array, limit: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (size: number): number => {
    if (size > bytes.length - at) throw new Error("an LZ4 frame is cut short");
    at += size;
    return at - size;
  };
  if (view.getUint32(take(4), true) !== MAGIC) throw new Error("this is not an LZ4 frame");
  const flags = view.getUint8(take(1));
  const blockMax = blockSize(view.getUint8(take(1)));
  if ((flags & VERSION_MASK) !== VERSION || flags & RESERVED) throw new Error("an LZ4 frame of an unknown version");
  if (flags & DICTIONARY) throw new Error("an LZ4 frame that needs a dictionary");
  if (flags & CONTENT_SIZE) take(8); // a hint only: what counts is `limit`
  const headerEnd = take(1);
  const given = view.getUint8(headerEnd);
  // In message format 0 Kafka wrote the checksum of what is before it too (KIP-57).
  if (
    given !== headerChecksum(bytes.subarray(4, headerEnd)) && given !== headerChecksum(bytes.subarray(0, headerEnd))
  ) {
    throw new Error("the header of an LZ4 frame does not have its checksum");
  }

  let out: Uint8Array = new Uint8Array(Math.min(limit, Math.max(bytes.length * 4, 1024)));
  let length = 0;
  for (;;) {
    const word = view.getUint32(take(4), true);
    if (word === 0) break;
    const size = word & ~STORED;
    const start = take(size);
    const stored = word >= STORED;
    const most = Math.min(blockMax, stored ? size : size * LARGEST_EXPANSION);
    if (length + most > out.length && out.length < limit) {
      out = grow(out, length, Math.min(limit, length + most), limit);
    }
    const end = Math.min(out.length, length + most);
    if (stored) {
      if (size > blockMax || size > end - length) throw tooLarge(limit);
      out.set(bytes.subarray(start, at), length);
      length += size;
    } else {
      const window = flags & INDEPENDENT_BLOCKS ? length : 0;
      length = decompressBlock(bytes, start, at, out, length, end, window);
    }
    if (flags & BLOCK_CHECKSUM && view.getUint32(take(4), true) !== xxhash32(bytes.subarray(start, start + size))) {
      throw new Error("a block of an LZ4 frame does not have its checksum");
    }
  }
  const content = out.subarray(0, length);
  if (flags & CONTENT_CHECKSUM && view.getUint32(take(4), true) !== xxhash32(content)) {
    throw new Error("the content of an LZ4 frame does not have its checksum");
  }
  if (at < bytes.length) throw new Error(`${bytes.length - at} bytes are left after an LZ4 frame`);
  return content;
}

function blockSize(descriptor: number): number {
  const code = descriptor >>> 4;
  if (code < 4 || code > 7 || descriptor & 0x0f) throw new Error("an LZ4 frame with an unknown block size");
  return 2 ** (8 + 2 * code);
}

function grow(bytes: Uint8Array, length: number, needed: number, limit: number): Uint8Array {
  const larger = new Uint8Array(Math.min(limit, Math.max(needed, bytes.length * 2)));
  larger.set(bytes.subarray(0, length));
  return larger;
}

function tooLarge(limit: number): Error {
  return new Error(`an LZ4 block is larger than its frame or the limit of ${limit} bytes allows`);
}

function headerChecksum(bytes: Uint8Array): number {
  return (xxhash32(bytes) >>> 8) & 0xff;
}
