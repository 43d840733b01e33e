import { alterAll, alterResponse, DELETE, SET } from "../configs/alter.ts";
import { array, boolean, int8, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const alterConfigs = api({
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
  handle(broker, { resources, validateOnly }) {
    const alterations = resources.map(({ configs, ...resource }) => ({
      ...resource,
      changes: configs.map(({ name, value }) => ({ name, value, operation: value === null ? DELETE : SET })),
    }));
    return alterAll(broker, alterations, { replaceAll: true, validateOnly });
  },
});
