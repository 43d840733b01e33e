/**
 * What clients may use. Transactions of version 2 (KIP-890) are; the new consumer protocol (KIP-848), which would be
 * group.version 1, is not, so it is not listed, and clients use the classic one.
 */
export const features: readonly {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly finalized: number;
}[] = [{ name: "transaction.version", minVersion: 0, maxVersion: 2, finalized: 2 }];
