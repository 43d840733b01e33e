import { array, int16, int32, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const createAcls = message({
  key: 30,
  name: "CreateAcls",
  versions: [1, 3],
  flexibleFrom: 2,
  request: {
    creations: array({
      resourceType: int8(),
      resourceName: string(),
      resourcePatternType: int8({ or: 3 }),
      principal: string(),
      host: string(),
      operation: int8(),
      permissionType: int8(),
    }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    results: array({ errorCode: int16(), errorMessage: string({ nullable: "0+" }) }),
  },
});
