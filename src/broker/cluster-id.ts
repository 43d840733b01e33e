import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { inMemoryClusterId } from "../wire/cluster-id.ts";
import { getText, type KeyValueJournal, putText } from "./key-value-journal.ts";

const KEY = "cluster.id";

/**
 * The id of the cluster, which is as old as its journal: 22 characters, as Kafka's are, behind a mark where the journal is
 * gone with the process.
 */
export function clusterIdOf(journal: KeyValueJournal, keeps: boolean): string {
  const known = getText(journal, KEY);
  if (known !== undefined) return known;
  const id = Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url");
  if (!keeps) return inMemoryClusterId(id);
  putText(journal, KEY, id);
  return id;
}
