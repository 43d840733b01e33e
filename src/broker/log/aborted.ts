/** A transaction that was aborted: read-committed readers skip its records. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of its marker. */
  readonly lastOffset: number;
}

/** The aborted transactions of a log, in the order of their markers. */
export class AbortedTransactions {
  #all: AbortedTransaction[] = [];

  get all(): readonly AbortedTransaction[] {
    return this.#all;
  }

  /** Takes up one that a marker has ended; without a first offset it has written nothing here. */
  add(producerId: number, firstOffset: number | undefined, lastOffset: number): void {
    if (firstOffset !== undefined) this.#all.push({ producerId, firstOffset, lastOffset });
  }

  /** Those with records from `from` on and before `to`. */
  within(from: number, to: number): AbortedTransaction[] {
    return this.#all.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < to);
  }

  /** Forgets those that are over before an offset. */
  dropBefore(offset: number): void {
    this.#all = this.#all.filter(({ lastOffset }) => lastOffset >= offset);
  }
}
