/** What a key of the coordinator's store is about. A group id or topic may contain anything, so the key is JSON. */
export type Key =
  | readonly [kind: "group", groupId: string]
  | readonly [kind: "offset", groupId: string, topic: string, partition: number]
  | readonly [kind: "pending", groupId: string, topic: string, partition: number, producerId: number];

export function formatKey(key: Key): string {
  return JSON.stringify(key);
}

/** Undefined for a key that is not of this kind. */
export function parseKey(text: string): Key | undefined {
  const key: unknown = JSON.parse(text);
  if (!Array.isArray(key)) return undefined;
  const [kind, groupId, topic, partition, producerId]: unknown[] = key;
  if (typeof groupId !== "string") return undefined;
  if (kind === "group") return [kind, groupId];
  if (typeof topic !== "string" || typeof partition !== "number") return undefined;
  if (kind === "offset") return [kind, groupId, topic, partition];
  if (kind === "pending" && typeof producerId === "number") return [kind, groupId, topic, partition, producerId];
  return undefined;
}
