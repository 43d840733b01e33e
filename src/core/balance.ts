/**
 * Who gets which partition, from what each has, without I/O. Loads are as even as subscriptions allow, with as few moves as
 * it takes: every partition stays with its owner, those without one are placed, and only if that cannot do, owned ones move.
 */
import { Loads, type Subscriber } from "./loads.ts";
import { partitionKey, type TopicPartition } from "./topic-partition.ts";

/** By member id. */
export type Balanced = ReadonlyMap<string, readonly TopicPartition[]>;

/**
 * The loads that this ends with are the best there are, and what was given up can be placed to the same loads in the next
 * generation: so nothing moves then. What a member has that takes nothing any more counts as on its way: it is placed last,
 * so that what can be read now is spread evenly.
 *
 * It pauses often: with thousands of partitions it may be let others have their turn.
 *
 * @param counts partitions of each topic
 * @param owners member ids by {@link partitionKey}
 */
export function* balance(
  members: readonly Subscriber[],
  counts: ReadonlyMap<string, number>,
  owners: ReadonlyMap<string, string>,
): Generator<void, Balanced> {
  const loads = new Loads(members, [...counts.keys()].sort());
  const ids = new Set(members.map(({ memberId }) => memberId));
  const homeless: TopicPartition[] = [];
  const awaited: TopicPartition[] = [];
  for (const topic of [...counts.keys()].sort()) {
    for (let partition = 0; partition < (counts.get(topic) ?? 0); partition++) {
      const at = { topic, partition };
      const owner = owners.get(partitionKey(at));
      if (owner !== undefined && loads.keep(at, owner)) continue;
      (owner === undefined || ids.has(owner) ? homeless : awaited).push(at);
    }
    yield;
  }
  yield* loads.place(homeless);
  yield* loads.place(awaited);
  yield* loads.mix("placed");
  const moves = yield* loads.even("any");
  // A topic may lie on few members after many joins and leaves. Only when nothing else is on its way, and among members
  // that are alike: what it was given up for might be undone otherwise, again and again.
  if (homeless.length + awaited.length === 0 && moves === 0 && areAlike(members)) yield* loads.mix("any");
  return loads.all();
}

function areAlike(members: readonly Subscriber[]): boolean {
  return new Set(members.map(({ topics }) => [...topics].sort().join())).size <= 1;
}
