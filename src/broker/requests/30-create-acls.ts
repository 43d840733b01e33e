import { Code } from "../../wire/error-codes.ts";
import { array, int16, int32, int8, string } from "../protocol/fields.ts";
import { NO_AUTHORIZER } from "../authorized.ts";
import { api } from "./api.ts";

export const createAcls = api({
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
  handle: (_broker, { creations }) => ({
    results: creations.map(() => ({ errorCode: Code.SECURITY_DISABLED, errorMessage: NO_AUTHORIZER })),
  }),
});
