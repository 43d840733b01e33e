/** A transactional write that Produce asks about before it is appended. */
export interface TransactionalWrite {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
  /** Produce v12 and newer: a partition that is not yet in the transaction is added to it (KIP-890, part 2). */
  readonly adds: boolean;
  /** Of the Produce request: before 11 a producer does not know TRANSACTION_ABORTABLE. */
  readonly version: number;
}

/** What the log asks the transaction coordinator. */
export interface TransactionVerifier {
  /**
   * An error code for all of the partitions: 0 if the producer has a transaction that they are in (or now are in).
   * Called once a producer for the partitions in which it has no transaction open yet.
   */
  verify(write: TransactionalWrite): number | Promise<number>;
}
