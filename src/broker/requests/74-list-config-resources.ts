import { listConfigResources as message } from "../../wire/messages/74-list-config-resources.ts";
import { Code } from "../../wire/error-codes.ts";
import {
  BROKER_LOGGER_RESOURCE,
  BROKER_RESOURCE,
  CLIENT_METRICS_RESOURCE,
  GROUP_RESOURCE,
  TOPIC_RESOURCE,
} from "../../wire/messages/resource-types.ts";
import { api } from "./api.ts";

const ALL = [TOPIC_RESOURCE, BROKER_RESOURCE, BROKER_LOGGER_RESOURCE, CLIENT_METRICS_RESOURCE, GROUP_RESOURCE];

export const listConfigResources = api(message, (broker, { resourceTypes }, { version }) => {
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
});
