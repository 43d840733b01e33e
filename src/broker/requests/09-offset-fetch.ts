import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import type { Offsets } from "../groups/offsets.ts";
import { array, boolean, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

interface Topic {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

export const offsetFetch = api({
  key: 9,
  name: "OffsetFetch",
  versions: [1, 9],
  flexibleFrom: 6,
  request: {
    groupId: string({ v: "0-7", or: "" }),
    topics: array({ name: string(), partitionIndexes: list(int32()) }, { v: "0-7", nullable: "2-7", or: [] }),
    groups: array({
      groupId: string(),
      memberId: string({ v: "9+", nullable: "9+", or: null }),
      memberEpoch: int32({ v: "9+", or: -1 }),
      topics: array({ name: string(), partitionIndexes: list(int32()) }, { nullable: "8+" }),
    }, { v: "8+", or: [] }),
    requireStable: boolean({ v: "7+", or: false }),
  },
  response: {
    throttleTimeMs: int32({ v: "3+", or: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32({ v: "5-7", or: -1 }),
        metadata: string({ nullable: "0-7" }),
        errorCode: int16(),
      }),
    }, { v: "0-7", or: [] }),
    errorCode: int16({ v: "2-7", or: 0 }),
    groups: array({
      groupId: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32(),
          metadata: string({ nullable: "8+" }),
          errorCode: int16(),
        }),
      }),
      errorCode: int16({ or: 0 }),
    }, { v: "8+", or: [] }),
  },
  handle(broker, { groupId, topics, groups, requireStable }, { version }) {
    if (version < 8) return { topics: fetch(broker, groupId, topics, requireStable) };
    return {
      groups: groups.map(({ groupId, topics }) => ({ groupId, topics: fetch(broker, groupId, topics, requireStable) })),
    };
  },
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
