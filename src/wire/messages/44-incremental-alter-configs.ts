import { array, boolean, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { alterResponse } from "./alter-response.ts";

export const incrementalAlterConfigs = message({
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        configOperation: int8(),
        value: string({ nullable: "0+" }),
      }),
    }),
    validateOnly: boolean(),
  },
  response: alterResponse,
});
