/** The internal topic that a group's offsets are in, on Kafka; here they are in the coordinator's own state. */
export const OFFSETS_TOPIC = "__consumer_offsets";

/** `offsets.topic.num.partitions` */
export const OFFSETS_PARTITIONS = 50;

/** The partition of the internal topic that the group belongs to: a transaction lists it like any other of its own. */
export function offsetsPartition(groupId: string): number {
  let hash = 0; // java.lang.String.hashCode
  for (let i = 0; i < groupId.length; i++) hash = (Math.imul(hash, 31) + groupId.charCodeAt(i)) | 0;
  return (hash & 0x7fffffff) % OFFSETS_PARTITIONS;
}
