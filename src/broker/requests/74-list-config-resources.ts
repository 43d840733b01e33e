import { Code } from "../../wire/error-codes.ts";
import {
  BROKER_LOGGER_RESOURCE,
  BROKER_RESOURCE,
  CLIENT_METRICS_RESOURCE,
  GROUP_RESOURCE,
  TOPIC_RESOURCE,
} from "../settings/resource-types.ts";
import { array, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

const ALL = [TOPIC_RESOURCE, BROKER_RESOURCE, BROKER_LOGGER_RESOURCE, CLIENT_METRICS_RESOURCE, GROUP_RESOURCE];

export const listConfigResources = api({
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
  handle(broker, { resourceTypes }, { version }) {
    // Version 0 is ListClientMetricsResources.
    const asked = version === 0 ? [CLIENT_METRICS_RESOURCE] : resourceTypes.length === 0 ? ALL : resourceTypes;
    if (asked.some((type) => !ALL.includes(type))) return { errorCode: Code.UNSUPPORTED_VERSION, configResources: [] };
    const namesOf = (type: number): readonly string[] => {
      if (type === TOPIC_RESOURCE) return broker.topics.all().map(({ name }) => name);
      if (type === BROKER_RESOURCE || type === BROKER_LOGGER_RESOURCE) return [String(broker.nodeId)];
      return broker.resources.names(type);
    };
    const types = [...new Set(asked)];
    return {
      configResources: types.flatMap((resourceType) =>
        namesOf(resourceType).map((resourceName) => ({ resourceName, resourceType }))
      ),
    };
  },
});
