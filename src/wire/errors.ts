/** Bytes that are not what Kafka's protocol says they should be, or a value that the protocol cannot carry. */
export class WireError extends Error {
  override name = "WireError";
}

/**
 * A record batch that cannot be read: its checksum, length, compression or one of its records is wrong.
 * Whoever reads a partition can tell from {@link baseOffset} where the log is broken.
 */
export class CorruptBatchError extends WireError {
  override name = "CorruptBatchError";
  /** The first offset of the batch, as its (unchecked) header says. */
  readonly baseOffset: number;
  /** What is wrong with it, without the offset. */
  readonly reason: string;

  constructor(baseOffset: number, reason: string, options?: ErrorOptions) {
    super(`the record batch at offset ${baseOffset} is corrupt: ${reason}`, options);
    this.baseOffset = baseOffset;
    this.reason = reason;
  }
}
