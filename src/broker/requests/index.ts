import { alterConfigs } from "./33-alter-configs.ts";
import { apiVersions } from "./18-api-versions.ts";
import { createPartitions } from "./37-create-partitions.ts";
import { createTopics } from "./19-create-topics.ts";
import { deleteRecords } from "./21-delete-records.ts";
import { deleteTopics } from "./20-delete-topics.ts";
import { describeCluster } from "./60-describe-cluster.ts";
import { describeConfigs } from "./32-describe-configs.ts";
import { describeLogDirs } from "./35-describe-log-dirs.ts";
import { describeProducers } from "./61-describe-producers.ts";
import { describeTopicPartitions } from "./75-describe-topic-partitions.ts";
import { fetch } from "./01-fetch.ts";
import { incrementalAlterConfigs } from "./44-incremental-alter-configs.ts";
import { listOffsets } from "./02-list-offsets.ts";
import { metadata } from "./03-metadata.ts";
import { offsetForLeaderEpoch } from "./23-offset-for-leader-epoch.ts";
import { produce } from "./00-produce.ts";
import { adminApis } from "./admin.ts";
import type { AnyApi } from "./api.ts";
import { coordinatorApis } from "./coordinators.ts";

/** All that is served, by key: what is listed here is advertised. */
export const apis: readonly AnyApi[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  createPartitions,
  incrementalAlterConfigs,
  describeCluster,
  describeProducers,
  describeTopicPartitions,
  ...coordinatorApis,
  ...adminApis,
];
