import { alterConfigs as message } from "../../wire/messages/33-alter-configs.ts";
import { alterAll, DELETE, SET } from "../configs/alter.ts";
import { api } from "./api.ts";

export const alterConfigs = api(message, (broker, { resources, validateOnly }) => {
  const alterations = resources.map(({ configs, ...resource }) => ({
    ...resource,
    changes: configs.map(({ name, value }) => ({ name, value, operation: value === null ? DELETE : SET })),
  }));
  return alterAll(broker, alterations, { replaceAll: true, validateOnly });
});
