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
  readonly logAppendTime: boolean;
  readonly timestampBeforeMax: number;
  readonly timestampAfterMax: number;
  readonly minInsyncReplicas: number;
  /** The most bytes that one batch may have after decompression, where the broker has to. */
  readonly maxDecompressed: number;
}
