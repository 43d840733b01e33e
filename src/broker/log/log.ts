/** A partition's records. */
export interface Log {
  /** The first offset that is still there. */
  readonly startOffset: number;
  /** The offset that the next record gets; with one replica that is the high watermark too. */
  readonly endOffset: number;
  /** Where the first transaction that is still open begins, else the end. */
  readonly lastStableOffset: number;
  /**
   * Writes a commit or abort marker of a producer and ends its open transaction here, if there is one. Returns the
   * marker's offset. `producerEpoch` may be newer than that of the transaction, never older.
   */
  appendMarker(producerId: number, producerEpoch: number, coordinatorEpoch: number, type: "commit" | "abort"): number;
  /** Resolves once everything written so far survives a crash: at once when nothing is kept on disk. */
  flushed(): Promise<void>;
}
