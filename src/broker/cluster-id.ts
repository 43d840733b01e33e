import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { inMemoryClusterId } from "../wire/cluster-id.ts";
import type { Journal } from "./state.ts";

const KEY = "cluster.id";

/**
 * The id of the cluster, which is as old as its journal: 22 characters, as Kafka's are, behind a mark where the journal is
 * gone with the process.
 */
export function clusterIdOf(journal: Journal, keeps: boolean): string {
  const known = journal.get(KEY);
  if (known !== undefined) return new TextDecoder().decode(known);
  const id = Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url");
  if (!keeps) return inMemoryClusterId(id);
  journal.put(KEY, new TextEncoder().encode(id));
  return id;
}
