/**
 * What the cluster id of a broker for development begins with that keeps everything in memory: another id with it says that
 * all is gone for good. Apache Kafka's own are 22 characters of base64.
 */
const IN_MEMORY = "in-memory-";

/** Marks a cluster id as that of a broker that keeps nothing. */
export function inMemoryClusterId(id: string): string {
  return `${IN_MEMORY}${id}`;
}

/** Whether a cluster says by its id that it keeps nothing. */
export function isInMemory(clusterId: string): boolean {
  return clusterId.startsWith(IN_MEMORY);
}
