import { MephistoError } from "../../core/errors.ts";
import { produce } from "../../wire/messages/00-produce.ts";
import { fetch } from "../../wire/messages/01-fetch.ts";
import { listOffsets } from "../../wire/messages/02-list-offsets.ts";
import { metadata } from "../../wire/messages/03-metadata.ts";
import { offsetCommit } from "../../wire/messages/08-offset-commit.ts";
import { offsetFetch } from "../../wire/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../wire/messages/10-find-coordinator.ts";
import { joinGroup } from "../../wire/messages/11-join-group.ts";
import { heartbeat } from "../../wire/messages/12-heartbeat.ts";
import { leaveGroup } from "../../wire/messages/13-leave-group.ts";
import { syncGroup } from "../../wire/messages/14-sync-group.ts";
import { createTopics } from "../../wire/messages/19-create-topics.ts";
import { initProducerId } from "../../wire/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../wire/messages/24-add-partitions-to-txn.ts";
import { endTxn } from "../../wire/messages/26-end-txn.ts";
import { describeConfigs } from "../../wire/messages/32-describe-configs.ts";
import { describeProducers } from "../../wire/messages/61-describe-producers.ts";
import { listTransactions } from "../../wire/messages/66-list-transactions.ts";
import type { Message } from "../../wire/protocol/message.ts";

/** The requests that we send, in the one version of each that we speak. */
const REQUESTS: readonly (readonly [message: Pick<Message, "key" | "name">, version: number])[] = [
  [produce, 8],
  [fetch, 13],
  [listOffsets, 5],
  [metadata, 12],
  [offsetCommit, 7],
  [offsetFetch, 5],
  [findCoordinator, 2],
  [joinGroup, 5],
  [heartbeat, 3],
  [leaveGroup, 3],
  [syncGroup, 3],
  [createTopics, 4],
  [initProducerId, 4],
  [addPartitionsToTxn, 3],
  [endTxn, 3],
  [describeConfigs, 1],
  [describeProducers, 0],
  [listTransactions, 0],
];

/**
 * Checks what a broker says that it serves (the answer to ApiVersions, by API key). A broker closes the connection on a
 * version that it does not serve, which would look like one that is not there. Errors: `UNSUPPORTED_BROKER`.
 */
export function checkVersions(versions: unknown, address: string): void {
  if (typeof versions !== "object" || versions === null) return;
  for (const [{ key, name }, version] of REQUESTS) {
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
const SINCE_3_6 = 4;

/**
 * Of a broker before Kafka 3.6, which serves all that we send: a sentence. It does not check whether what is written in a
 * transaction belongs to one that is open. `newest`: the newest version that it serves of a request.
 */
export function tooOld(newest: (apiKey: number) => number, address: string): string | undefined {
  const version = newest(addPartitionsToTxn.key);
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
