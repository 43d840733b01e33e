import type { Group } from "./group.ts";
import type { CommittedOffset, Offsets } from "./offsets.ts";
import { isSubscribed } from "./subscriptions.ts";

/**
 * Deletes the offsets that nobody has needed for the retention time: counted from when the group became empty, or from
 * the commit where there was never a member, or where members have turned to other topics.
 */
export function expireOffsets(group: Group, offsets: Offsets, now: number, retentionMs: number): void {
  const from = startOfRetention(group);
  if (from === null) return;
  for (const [topic, partition, value] of [...offsets.committed]) {
    if (isSubscribed(group, topic) || offsets.isUnstable(topic, partition)) continue;
    if (value.expiresAt === null ? now - from(value) >= retentionMs : now >= value.expiresAt) {
      offsets.delete(topic, partition);
    }
  }
}

/** Null: nothing expires at the moment. */
function startOfRetention(group: Group): ((value: CommittedOffset) => number) | null {
  if (group.protocolType === null) return ({ committedAt }) => committedAt;
  if (group.state === "Empty") return () => group.since;
  if (group.isConsumerGroup && group.topics !== null && group.state === "Stable") {
    return ({ committedAt }) => committedAt;
  }
  return null;
}
