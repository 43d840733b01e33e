/** What can be set about transactions, in the words of Kafka's `server.properties`, with Kafka's defaults. */
export interface TransactionSettings {
  /** `transaction.max.timeout.ms` */
  readonly maxTimeoutMs: number;
  /** `transaction.abort.timed.out.transaction.cleanup.interval.ms` */
  readonly abortIntervalMs: number;
  /** `transactional.id.expiration.ms` */
  readonly idExpirationMs: number;
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly idExpirationIntervalMs: number;
}

export const transactionDefaults: TransactionSettings = {
  maxTimeoutMs: 15 * 60_000,
  abortIntervalMs: 10_000,
  idExpirationMs: 7 * 24 * 60 * 60_000,
  idExpirationIntervalMs: 60 * 60_000,
};
