import { groupBy } from "../core/group-by.ts";
import type { TopicPartition } from "../driver/driver.ts";
import { offsetCommit } from "../wire/requests/08-offset-commit.ts";
import type { Call } from "../wire/call.ts";
import type { OffsetCommitResponse } from "../wire/requests/08-offset-commit.ts";

/** What of a partition has been handled, and what the group has been told. */
export class Acknowledgements implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** All before this offset is handled. */
  position: number;
  /** What the group knows. */
  committed: number;
  /** The partition is no longer ours: later acknowledgements count for nothing. */
  closed = false;
  #log = 0;

  constructor({ topic, partition }: TopicPartition, position: number) {
    this.topic = topic;
    this.partition = partition;
    this.position = this.committed = position;
  }

  /**
   * For the messages of one answer: says that all before `next` are done. Handlers acknowledge in order, so that the
   * latest is all that has to be kept.
   */
  acknowledger(): (next: number) => void {
    const log = this.#log;
    return (next) => {
      if (!this.closed && log === this.#log && next > this.position) this.position = next;
    };
  }

  /** What to commit now, and what to call when it is accepted: of a log that has begun anew meanwhile it says nothing. */
  commit(): { position: number; accepted: () => void } {
    const { position } = this;
    const log = this.#log;
    return {
      position,
      accepted: () => {
        if (log === this.#log) this.committed = Math.max(this.committed, position);
      },
    };
  }

  /** The log begins anew: what is acknowledged of the old one counts for nothing. */
  reset(position: number): void {
    this.#log++;
    this.position = position;
    this.committed = position - 1;
  }
}

/** Who commits: a member in a generation. */
export interface Committer {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** The commit of what has been handled and not been told, or nothing when there is none. */
export function commitOf(
  committer: Committer,
  partitions: Iterable<Acknowledgements>,
): { call: Call<OffsetCommitResponse>; apply(answer: OffsetCommitResponse): number } | undefined {
  const behind = [...partitions].filter(({ position, committed }) => position > committed);
  if (behind.length === 0) return undefined;
  const sent = behind.map((acks) => ({ acks, ...acks.commit() }));
  const topics = [...groupBy(sent, ({ acks }) => acks.topic)].map(([topic, group]) => ({
    topic,
    partitions: group.map(({ acks, position }) => ({ partition: acks.partition, committedOffset: position })),
  }));
  return {
    call: offsetCommit({ ...committer, topics }),
    /** Notes what was accepted; gives the first error code, or 0. */
    apply(answer) {
      let first = 0;
      for (const { topic, partitions } of answer.topics) {
        for (const { partition, errorCode } of partitions) {
          const entry = sent.find(({ acks }) => acks.topic === topic && acks.partition === partition);
          if (errorCode === 0) entry?.accepted();
          if (errorCode !== 0 && first === 0) first = errorCode;
        }
      }
      return first;
    },
  };
}
