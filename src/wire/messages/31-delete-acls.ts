import { array, int16, int32, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { aclFilter } from "./29-describe-acls.ts";

export const deleteAcls = message({
  key: 31,
  name: "DeleteAcls",
  versions: [1, 3],
  flexibleFrom: 2,
  request: {
    filters: array(aclFilter),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    filterResults: array({
      errorCode: int16(),
      errorMessage: string({ nullable: "0+" }),
      matchingAcls: array({
        errorCode: int16(),
        errorMessage: string({ nullable: "0+" }),
        resourceType: int8(),
        resourceName: string(),
        patternType: int8({ or: 3 }),
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    }),
  },
});
