import { offsetCommit } from "./08-offset-commit.ts";
import { offsetFetch } from "./09-offset-fetch.ts";
import { findCoordinator } from "./10-find-coordinator.ts";
import { joinGroup } from "./11-join-group.ts";
import { heartbeat } from "./12-heartbeat.ts";
import { leaveGroup } from "./13-leave-group.ts";
import { syncGroup } from "./14-sync-group.ts";
import { describeGroups } from "./15-describe-groups.ts";
import { listGroups } from "./16-list-groups.ts";
import { initProducerId } from "./22-init-producer-id.ts";
import { addPartitionsToTxn } from "./24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "./25-add-offsets-to-txn.ts";
import { endTxn } from "./26-end-txn.ts";
import { txnOffsetCommit } from "./28-txn-offset-commit.ts";
import { deleteGroups } from "./42-delete-groups.ts";
import { offsetDelete } from "./47-offset-delete.ts";
import { consumerGroupHeartbeat } from "./68-consumer-group-heartbeat.ts";
import { shareGroupHeartbeat } from "./76-share-group-heartbeat.ts";
import { describeTransactions } from "./65-describe-transactions.ts";
import { listTransactions } from "./66-list-transactions.ts";
import type { AnyApi } from "./api.ts";

/** Of the coordinators: groups and transactions. */
export const coordinatorApis: readonly AnyApi[] = [
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  initProducerId,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  txnOffsetCommit,
  deleteGroups,
  offsetDelete,
  describeTransactions,
  listTransactions,
  consumerGroupHeartbeat,
  shareGroupHeartbeat,
];
