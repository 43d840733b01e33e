/** Compresses what a record batch holds. Kafka's clients compress all records of a batch at once. */
export interface Codec {
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws if the result would be longer than `limit` bytes, before such an amount of memory is taken. */
  decompress(bytes: Uint8Array, limit: number): Uint8Array;
}

/** The codecs by name; the order is that of their ids in a batch's attributes, from 1. */
export const CODEC_NAMES = ["gzip", "snappy", "lz4", "zstd"] as const;

export type CodecName = (typeof CODEC_NAMES)[number];

/** Those of the codecs that are at hand. They are given in, since they need libraries and this folder has none. */
export type Codecs = Readonly<Partial<Record<CodecName, Codec>>>;
