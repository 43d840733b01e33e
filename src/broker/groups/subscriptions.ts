import { Reader } from "../../wire/reader.ts";
import { WireError } from "../../wire/errors.ts";
import { type Member, metadataOf } from "./member.ts";

/** What says of a group which topics its members subscribe to. */
interface Subscribers {
  readonly isConsumerGroup: boolean;
  readonly members: ReadonlyMap<string, Member>;
  readonly protocolName: string | null;
}

/** The topics that a consumer group's members subscribe to; null where that is not known, as of other protocol types. */
export function subscribedTopics(group: Subscribers): ReadonlySet<string> | null {
  if (!group.isConsumerGroup) return null;
  const { members, protocolName } = group;
  if (members.size === 0) return new Set();
  if (protocolName === null) return null;
  try {
    return new Set([...members.values()].flatMap((member) => topicsIn(metadataOf(member, protocolName))));
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** Version 0 of the consumer protocol's subscription, with which all later ones begin. */
function topicsIn(metadata: Uint8Array): string[] {
  const r = new Reader(metadata);
  if (r.int16() < 0) throw new WireError("no such version of the consumer protocol");
  const topics = r.array(() => r.string());
  r.nullableBytes();
  return topics;
}

/** Whether the topic is subscribed to; a consumer group whose topics are not known counts as subscribed to all. */
export function isSubscribed(
  group: { readonly isConsumerGroup: boolean; readonly topics: ReadonlySet<string> | null },
  topic: string,
): boolean {
  return group.topics?.has(topic) ?? group.isConsumerGroup;
}
