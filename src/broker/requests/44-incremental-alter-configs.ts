import { incrementalAlterConfigs as message } from "../../wire/messages/44-incremental-alter-configs.ts";
import { alterAll } from "../configs/alter.ts";
import { api } from "./api.ts";

export const incrementalAlterConfigs = api(message, (broker, { resources, validateOnly }) => {
  const alterations = resources.map(({ configs, ...resource }) => ({
    ...resource,
    changes: configs.map(({ name, value, configOperation: operation }) => ({ name, value, operation })),
  }));
  return alterAll(broker, alterations, { replaceAll: false, validateOnly });
});
