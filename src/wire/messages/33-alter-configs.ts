import { array, boolean, int8, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { alterResponse } from "./alter-response.ts";

export const alterConfigs = message({
  key: 33,
  name: "AlterConfigs",
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: "0+" }),
      }),
    }),
    validateOnly: boolean(),
  },
  response: alterResponse,
});
