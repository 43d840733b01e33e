import type { CodecName } from "../../wire/codec.ts";

/** What of a topic's configuration its logs go by; times in ms, sizes in bytes. */
export interface LogConfig {
  readonly compact: boolean;
  readonly delete: boolean;
  readonly maxMessageBytes: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  /** -1: for ever. */
  readonly retentionMs: number;
  /** -1: any number of them. */
  readonly retentionBytes: number;
  readonly deleteRetentionMs: number;
  readonly minCleanableRatio: number;
  readonly minCompactionLagMs: number;
  /** What was written so long ago is compacted however little it is. */
  readonly maxCompactionLagMs: number;
  /** How batches are stored; `producer`: as they come. */
  readonly compression: CodecName | "uncompressed" | "producer";
  readonly logAppendTime: boolean;
  readonly timestampBeforeMax: number;
  readonly timestampAfterMax: number;
  /** The most bytes that one batch may have after decompression, where the broker has to. */
  readonly maxDecompressed: number;
}
