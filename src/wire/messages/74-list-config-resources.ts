import { array, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";
import { CLIENT_METRICS_RESOURCE } from "./resource-types.ts";

export const listConfigResources = message({
  key: 74,
  name: "ListConfigResources",
  versions: [0, 1],
  flexibleFrom: 0,
  request: { resourceTypes: list(int8(), { v: "1+", or: [] }) },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    configResources: array({ resourceName: string(), resourceType: int8({ v: "1+", or: CLIENT_METRICS_RESOURCE }) }),
  },
});
