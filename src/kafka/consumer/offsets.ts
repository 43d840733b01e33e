import type { Acknowledgements } from "../../core/acknowledgements.ts";
import { isBehind } from "../../core/commit-loop.ts";
import { groupBy } from "../../core/group-by.ts";
import { partitionKey } from "../../core/topic-partition.ts";
import { offsetCommit, type OffsetCommitResponse } from "../../wire/requests/08-offset-commit.ts";
import type { Call } from "../../wire/call.ts";

const NOTE = "mephisto topic ";

/**
 * What is committed beside an offset: which topic it is of. Kafka knows topics here by their names, and an offset of one
 * that was deleted says nothing of the one that was created in its place.
 */
export function noteOf(topicId: string): string {
  return NOTE + topicId;
}

/** Whether an offset with this note is of another topic than this. One without a note of ours is taken at its word. */
export function isOfAnother(note: string | null, topicId: string): boolean {
  return note !== null && note.startsWith(NOTE) && note !== noteOf(topicId);
}

/** What was not accepted of a commit. */
export interface Refused {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
}

/** Who commits: a member in a generation. */
export interface Committer {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/**
 * The commit of what has been handled and not been told, or nothing when there is none. Of a partition that was lost
 * nothing is: its next owner may have gone further, and the broker does not check who commits.
 */
export function commitOf(
  committer: Committer,
  partitions: Iterable<Acknowledgements>,
): { call: Call<OffsetCommitResponse>; apply(answer: OffsetCommitResponse): Refused | undefined } | undefined {
  const behind = [...partitions].filter(isBehind);
  if (behind.length === 0) return undefined;
  const sent = behind.map((acks) => ({ acks, ...acks.commit() }));
  const topics = [...groupBy(sent, ({ acks }) => acks.topic)].map(([topic, group]) => ({
    topic,
    partitions: group.map(({ acks: { partition, topicId }, position, leaderEpoch }) => ({
      partition,
      committedOffset: position,
      committedLeaderEpoch: leaderEpoch,
      committedMetadata: noteOf(topicId),
    })),
  }));
  return {
    call: offsetCommit({ ...committer, topics }),
    /** Notes what was accepted; gives the first that was not. */
    apply(answer) {
      let first: Refused | undefined;
      const entries = new Map(sent.map((entry) => [partitionKey(entry.acks), entry]));
      for (const { topic, partitions } of answer.topics) {
        for (const { partition, errorCode } of partitions) {
          if (errorCode === 0) entries.get(partitionKey({ topic, partition }))?.accepted();
          if (errorCode !== 0) first ??= { topic, partition, errorCode };
        }
      }
      return first;
    },
  };
}
