/** What of a partition has been handled, and what the group has been told. */
export class Acknowledgements {
  readonly topic: string;
  readonly partition: number;
  /** All before this offset is handled. */
  position: number;
  /** What the group knows. */
  committed: number;
  /** The partition is no longer ours: nothing of it is committed. */
  closed = false;
  /** Of the topic that the offsets are of; "" as long as that is not known. */
  topicId: string;
  #log = 0;
  /** Which leader epoch the messages from an offset on are of; only what is at or behind the position counts. */
  #epochs: { readonly from: number; readonly epoch: number }[];

  /** `leaderEpoch`: of the message before the position, as it was committed; -1: not known. */
  constructor(
    { topic, partition }: { topic: string; partition: number },
    position: number,
    topicId = "",
    leaderEpoch = -1,
  ) {
    this.#epochs = [{ from: -1, epoch: leaderEpoch }];
    this.topic = topic;
    this.partition = partition;
    this.topicId = topicId;
    this.position = this.committed = position;
  }

  /** The leader epoch of the message before the position; -1: not known. */
  get leaderEpoch(): number {
    while ((this.#epochs[1]?.from ?? Infinity) < this.position) this.#epochs.shift();
    return this.#epochs[0]?.epoch ?? -1;
  }

  /** From this offset on messages are of this epoch, as they come in. */
  epochFrom(from: number, epoch: number): void {
    if (this.#epochs.at(-1)?.epoch !== epoch) this.#epochs.push({ from, epoch });
  }

  /**
   * For the messages of one answer: says that all before `next` are done. Handlers acknowledge in order, so that the
   * latest is all that has to be kept. What is finished after the partition was lost counts if it comes back: `resume`.
   */
  acknowledger(): (next: number) => void {
    const log = this.#log;
    return (next) => {
      if (log === this.#log && next > this.position) this.position = next;
    };
  }

  /**
   * The partition was lost, and has come back to this worker; the group's offset is now `committed`. Whether what this
   * worker has handled since counts: not if somebody else has gone further, nor if the offset was set back, nor of another
   * topic of the same name.
   */
  resume(topicId: string, committed: number): boolean {
    if (topicId !== this.topicId || committed < this.committed || committed > this.position) return false;
    this.committed = committed;
    this.closed = false;
    return true;
  }

  /** What to commit now, and what to call when it is accepted: of a log that has begun anew meanwhile it says nothing. */
  commit(): { position: number; leaderEpoch: number; accepted: () => void } {
    const { position, leaderEpoch } = this;
    const log = this.#log;
    return {
      position,
      leaderEpoch,
      accepted: () => {
        if (log === this.#log) this.committed = Math.max(this.committed, position);
      },
    };
  }

  /** The log begins anew: what is acknowledged of the old one counts for nothing. */
  reset(position: number, topicId: string = this.topicId): void {
    this.#log++;
    this.#epochs = [{ from: -1, epoch: -1 }];
    this.topicId = topicId;
    this.position = position;
    this.committed = position - 1;
  }
}
