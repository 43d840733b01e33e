import { describeGroups as message } from "../../wire/messages/15-describe-groups.ts";
import { NOT_ASKED } from "../../wire/messages/operations.ts";
import { GROUP_OPERATIONS } from "../authorized.ts";
import { Code } from "../../wire/error-codes.ts";
import type { Group } from "../groups/group.ts";
import { metadataOf } from "../groups/member.ts";
import { NO_BYTES } from "../groups/types.ts";
import { api } from "./api.ts";

export const describeGroups = api(message, (broker, { groups, includeAuthorizedOperations }, { version }) => {
  const authorizedOperations = includeAuthorizedOperations ? GROUP_OPERATIONS : NOT_ASKED;
  return {
    groups: groups.map((groupId) => {
      const group = broker.groups.group(groupId);
      if (group !== undefined) return { ...describe(group), authorizedOperations };
      if (version < 6) return { groupId, groupState: "Dead", authorizedOperations };
      const errorMessage = `Group ${groupId} not found.`;
      return { groupId, groupState: "Dead", errorCode: Code.GROUP_ID_NOT_FOUND, errorMessage };
    }),
  };
});

function describe(group: Group) {
  // While it rebalances, nothing of the members is final but that they are there.
  const isStable = group.state === "Stable";
  return {
    groupId: group.id,
    groupState: group.state,
    protocolType: group.protocolType ?? "",
    protocolData: isStable ? group.protocolName ?? "" : "",
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? metadataOf(member, group.protocolName) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  };
}
