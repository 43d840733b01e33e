import { offsetFetch as message } from "../../wire/messages/09-offset-fetch.ts";
import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import type { Offsets } from "../groups/offsets.ts";
import { api } from "./api.ts";

interface Topic {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

export const offsetFetch = api(message, (broker, { groupId, topics, groups, requireStable }, { version }) => {
  if (version < 8) return { topics: fetch(broker, groupId, topics, requireStable) };
  return {
    groups: groups.map(({ groupId, topics }) => ({ groupId, topics: fetch(broker, groupId, topics, requireStable) })),
  };
});

/** The offsets of these partitions, or of all that the group has committed. A group that is not there has none. */
function fetch(broker: BrokerServices, groupId: string, topics: readonly Topic[] | null, requireStable: boolean) {
  const offsets = broker.groups.offsets(groupId);
  const all = () =>
    offsets?.committed.topics().map((name) => ({ name, partitionIndexes: offsets.committed.partitions(name) })) ?? [];
  return (topics ?? all()).map(({ name, partitionIndexes }) => ({
    name,
    partitions: partitionIndexes.map((partition) => fetchOne(offsets, name, partition, requireStable)),
  }));
}

function fetchOne(offsets: Offsets | undefined, topic: string, partitionIndex: number, requireStable: boolean) {
  const unstable = requireStable && (offsets?.isUnstable(topic, partitionIndex) ?? false);
  const found = unstable ? undefined : offsets?.committed.get(topic, partitionIndex);
  return {
    partitionIndex,
    committedOffset: found?.offset ?? -1,
    committedLeaderEpoch: found?.leaderEpoch ?? -1,
    metadata: found?.metadata ?? "",
    errorCode: unstable ? Code.UNSTABLE_OFFSET_COMMIT : Code.NONE,
  };
}
