import { MephistoError } from "../../core/errors.ts";

/** The requests that we send, in the one version of each that we speak: key, version, name. */
const REQUESTS: readonly (readonly [key: number, version: number, name: string])[] = [
  [0, 8, "Produce"],
  [1, 13, "Fetch"],
  [2, 5, "ListOffsets"],
  [3, 12, "Metadata"],
  [8, 7, "OffsetCommit"],
  [9, 5, "OffsetFetch"],
  [10, 2, "FindCoordinator"],
  [11, 5, "JoinGroup"],
  [12, 3, "Heartbeat"],
  [13, 3, "LeaveGroup"],
  [14, 3, "SyncGroup"],
  [19, 4, "CreateTopics"],
  [22, 4, "InitProducerId"],
  [24, 3, "AddPartitionsToTxn"],
  [26, 3, "EndTxn"],
  [32, 1, "DescribeConfigs"],
  [61, 0, "DescribeProducers"],
  [66, 0, "ListTransactions"],
];

/**
 * Checks what a broker says that it serves (the answer to ApiVersions, by API key). A broker closes the connection on a
 * version that it does not serve, which would look like one that is not there. Errors: `UNSUPPORTED_BROKER`.
 */
export function checkVersions(versions: unknown, address: string): void {
  if (typeof versions !== "object" || versions === null) return;
  for (const [key, version, name] of REQUESTS) {
    const { minVersion, maxVersion } = rangeOf(versions, key);
    if (minVersion <= version && version <= maxVersion) continue;
    throw new MephistoError(
      "UNSUPPORTED_BROKER",
      `The broker at ${address} does not serve ${name} in version ${version} (it has ${minVersion} to ${maxVersion}). ` +
        `Mephisto needs Kafka 3.6 or newer.`,
    );
  }
}

/** AddPartitionsToTxn in version 4: of all that brokers say of themselves, what Kafka 3.6 is the first to have. */
const [ADD_PARTITIONS, SINCE_3_6] = [24, 4];

/**
 * Of a broker before Kafka 3.6, which serves all that we send: a sentence. It does not check whether what is written in a
 * transaction belongs to one that is open. `newest`: the newest version that it serves of a request.
 */
export function tooOld(newest: (apiKey: number) => number, address: string): string | undefined {
  const version = newest(ADD_PARTITIONS);
  if (version < 0 || version >= SINCE_3_6) return undefined;
  return `The broker at ${address} is older than Kafka 3.6, which Mephisto needs: what a master that was paused sends ` +
    `late may still be published. Upgrade it.`;
}

/** The newest version of a request that a broker says that it serves; -1: none. */
export function newestVersion(versions: unknown, apiKey: number): number {
  return typeof versions === "object" && versions !== null ? rangeOf(versions, apiKey).maxVersion : -1;
}

function rangeOf(versions: object, apiKey: number): { minVersion: number; maxVersion: number } {
  const range: unknown = new Map<string, unknown>(Object.entries(versions)).get(String(apiKey));
  return isRange(range) ? range : { minVersion: 0, maxVersion: -1 };
}

function isRange(value: unknown): value is { minVersion: number; maxVersion: number } {
  return typeof value === "object" && value !== null && "minVersion" in value && "maxVersion" in value &&
    typeof value.minVersion === "number" && typeof value.maxVersion === "number";
}
