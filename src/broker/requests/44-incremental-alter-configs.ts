import { alterAll, alterResponse } from "../configs/alter.ts";
import { array, boolean, int8, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const incrementalAlterConfigs = api({
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
  handle(broker, { resources, validateOnly }) {
    const alterations = resources.map(({ configs, ...resource }) => ({
      ...resource,
      changes: configs.map(({ name, value, configOperation: operation }) => ({ name, value, operation })),
    }));
    return alterAll(broker, alterations, { replaceAll: false, validateOnly });
  },
});
