import { array, boolean, bytes, int16, int32, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { NOT_ASKED } from "./operations.ts";

export const describeGroups = message({
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
});
