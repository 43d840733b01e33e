import { array, int16, int32, int8, string } from "../protocol/fields.ts";

/** The answer to AlterConfigs and to IncrementalAlterConfigs. */
export const alterResponse = {
  throttleTimeMs: int32({ or: 0 }),
  responses: array({
    errorCode: int16({ or: 0 }),
    errorMessage: string({ nullable: "0+", or: null }),
    resourceType: int8(),
    resourceName: string(),
  }),
};
