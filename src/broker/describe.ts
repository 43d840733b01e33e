import type { Broker } from "./broker.ts";
import { INVALID_REQUEST, UNKNOWN_TOPIC_OR_PARTITION } from "./codes.ts";
import { type ConfigType, topicConfigs } from "./configs.ts";
import { TopicError } from "./plan.ts";

/** What can be described, by its number in the protocol. */
export const TOPIC_RESOURCE = 2;
export const BROKER_RESOURCE = 4;
export const BROKER_LOGGER_RESOURCE = 8;
export const CLIENT_METRICS_RESOURCE = 16;
export const GROUP_RESOURCE = 32;

/** Where a value is from, by its number in DescribeConfigs. */
const TOPIC_SOURCE = 1;
const STATIC_SOURCE = 4;
const DEFAULT_SOURCE = 5;

export interface DescribedConfig {
  readonly name: string;
  readonly value: string;
  readonly source: number;
  readonly type: ConfigType;
  readonly readOnly: boolean;
  readonly synonyms: readonly { readonly name: string; readonly value: string; readonly source: number }[];
}

/** The configuration of a topic or of the broker, or why there is none. */
export function configsOf(broker: Broker, resourceType: number, resourceName: string): DescribedConfig[] | TopicError {
  if (resourceType === TOPIC_RESOURCE) {
    const topic = broker.topics.get(resourceName);
    if (topic !== undefined) return describeTopic(topic.config);
    return new TopicError(UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.");
  }
  if (resourceType !== BROKER_RESOURCE) {
    return new TopicError(INVALID_REQUEST, `Resources of type ${resourceType} are not there.`);
  }
  if (resourceName !== "" && resourceName !== String(broker.nodeId)) {
    return new TopicError(
      INVALID_REQUEST,
      `Unexpected broker id, expected ${broker.nodeId}, but received ${resourceName}`,
    );
  }
  return resourceName === "" ? [] : Object.entries(broker.settings).map(([name, value]) => ({
    name,
    value: String(value),
    source: STATIC_SOURCE,
    type: typeof value === "boolean" ? "boolean" : typeof value === "number" ? "long" : "string",
    readOnly: true,
    synonyms: [],
  }));
}

/** All that can be set for a topic, with what was set and what is the default. */
export function describeTopic(config: ReadonlyMap<string, string>): DescribedConfig[] {
  return [...topicConfigs.values()].map(({ name, default: fallback, type }) => {
    const set = config.get(name);
    const value = set ?? fallback;
    const source = set === undefined ? DEFAULT_SOURCE : TOPIC_SOURCE;
    const synonyms = set === undefined ? [] : [{ name, value: set, source: TOPIC_SOURCE }];
    return { name, value, source, type, readOnly: false, synonyms };
  });
}
