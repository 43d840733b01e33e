import { createAcls } from "./30-create-acls.ts";
import { deleteAcls } from "./31-delete-acls.ts";
import { describeAcls } from "./29-describe-acls.ts";
import { describeClientQuotas } from "./48-describe-client-quotas.ts";
import { describeQuorum } from "./55-describe-quorum.ts";
import { describeUserScramCredentials } from "./50-describe-user-scram-credentials.ts";
import { electLeaders } from "./43-elect-leaders.ts";
import { listConfigResources } from "./74-list-config-resources.ts";
import { listPartitionReassignments } from "./46-list-partition-reassignments.ts";
import { updateFeatures } from "./57-update-features.ts";
import type { AnyApi } from "./api.ts";

/** What tools ask of a cluster, and one broker has little to say of. */
export const adminApis: readonly AnyApi[] = [
  describeAcls,
  createAcls,
  deleteAcls,
  electLeaders,
  listPartitionReassignments,
  describeClientQuotas,
  describeUserScramCredentials,
  describeQuorum,
  updateFeatures,
  listConfigResources,
];
