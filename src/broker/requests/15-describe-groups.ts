import { GROUP_OPERATIONS, NOT_ASKED } from "../authorized.ts";
import { Code } from "../../wire/error-codes.ts";
import type { Group } from "../groups/group.ts";
import { metadataOf } from "../groups/member.ts";
import { NO_BYTES } from "../groups/types.ts";
import { array, boolean, bytes, int16, int32, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const describeGroups = api({
  key: 15,
  name: "DescribeGroups",
  versions: [0, 6],
  flexibleFrom: 5,
  request: { groups: list(string()), includeAuthorizedOperations: boolean({ v: "3+", or: false }) },
  response: {
    throttleTimeMs: int32({ v: "1+", or: 0 }),
    groups: array({
      errorCode: int16({ or: 0 }),
      errorMessage: string({ v: "6+", nullable: "6+", or: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string({ or: "" }),
      protocolData: string({ or: "" }),
      members: array({
        memberId: string(),
        groupInstanceId: string({ v: "4+", nullable: "4+", or: null }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }, { or: [] }),
      authorizedOperations: int32({ v: "3+", or: NOT_ASKED }),
    }),
  },
  handle(broker, { groups, includeAuthorizedOperations }, { version }) {
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
  },
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
