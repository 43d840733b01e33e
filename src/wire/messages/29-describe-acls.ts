import { array, int16, int32, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

/** Which access control lists are meant. */
export const aclFilter = {
  resourceTypeFilter: int8(),
  resourceNameFilter: string({ nullable: "0+" }),
  patternTypeFilter: int8({ or: 3 }),
  principalFilter: string({ nullable: "0+" }),
  hostFilter: string({ nullable: "0+" }),
  operation: int8(),
  permissionType: int8(),
};

export const describeAcls = message({
  key: 29,
  name: "DescribeAcls",
  versions: [1, 3],
  flexibleFrom: 2,
  request: aclFilter,
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16(),
    errorMessage: string({ nullable: "0+" }),
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      patternType: int8({ or: 3 }),
      acls: array({ principal: string(), host: string(), operation: int8(), permissionType: int8() }),
    }),
  },
});
