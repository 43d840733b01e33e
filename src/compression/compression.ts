import { Buffer } from "node:buffer";
import * as zlib from "node:zlib";
import type { Codec, CodecName } from "../wire/codec.ts";
import { compressLz4, decompressLz4 } from "./lz4.ts";
import { compressSnappy, decompressSnappy } from "./snappy.ts";

/**
 * Kafka's four codecs, the same on Bun, Deno and Node: gzip and zstd are the runtime's own, in `node:zlib`.
 * zstd needs Node 22.15 or newer; on an older one its use throws. All results are Buffers.
 */
export const codecs: Readonly<Record<CodecName, Codec>> = {
  gzip: {
    compress: (bytes) => zlib.gzipSync(bytes),
    decompress: (bytes, limit) => zlib.gunzipSync(bytes, { maxOutputLength: limit, chunkSize: chunkFor(bytes.length) }),
  },
  snappy: {
    compress: (bytes) => asBuffer(compressSnappy(bytes)),
    decompress: (bytes, limit) => asBuffer(decompressSnappy(bytes, limit)),
  },
  lz4: {
    compress: (bytes) => asBuffer(compressLz4(bytes)),
    decompress: (bytes, limit) => asBuffer(decompressLz4(bytes, limit)),
  },
  zstd: {
    compress: (bytes) => zstd().zstdCompressSync(bytes),
    decompress: (bytes, limit) =>
      zstd().zstdDecompressSync(bytes, { maxOutputLength: limit, chunkSize: chunkFor(bytes.length) }),
  },
};

/** For what a batch is made with. */
export function packedWith(name: CodecName | undefined): { codec?: { name: CodecName; codec: Codec } } {
  return name === undefined ? {} : { codec: { name, codec: codecs[name] } };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// A namespace import, since the named one of a function that is not there would keep the whole program from starting.
function zstd(): Pick<typeof zlib, "zstdCompressSync" | "zstdDecompressSync"> {
  if (typeof zlib.zstdDecompressSync !== "function") {
    throw new Error("zstd needs Node 22.15 or newer, Bun or Deno: this runtime's node:zlib does not have it");
  }
  return zlib;
}

/** The pieces in which decompressed bytes come: large ones are given back to the system at once, many small ones are not. */
function chunkFor(packed: number): number {
  return Math.min(1 << 20, Math.max(1 << 14, 2 ** Math.ceil(Math.log2(packed * 24))));
}
