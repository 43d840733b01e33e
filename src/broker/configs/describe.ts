import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import { type ConfigType, topicConfigs } from "../settings/configs.ts";
import { OFFSETS_TOPIC } from "../topics/offsets-topic.ts";
import { TopicError } from "../topics/create-topic.ts";
import {
  BROKER_LOGGER_RESOURCE,
  BROKER_RESOURCE,
  CLIENT_METRICS_RESOURCE,
  GROUP_RESOURCE,
  TOPIC_RESOURCE,
} from "../../wire/messages/resource-types.ts";
import { brokerConfigs } from "../settings/known.ts";
import { otherConfigs } from "../settings/resources.ts";
import { type BrokerSettings, SOURCE, type Synonym } from "../settings/settings.ts";

export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
  readonly type: ConfigType;
  readonly readOnly: boolean;
  readonly synonyms: readonly Synonym[];
  readonly doc: string;
}

/** Of the topics in which Kafka keeps what its coordinators know. */
function internalConfig(name: string): ReadonlyMap<string, string> {
  return new Map([
    ["cleanup.policy", "compact"],
    ["compression.type", name === OFFSETS_TOPIC ? "producer" : "uncompressed"],
    ["segment.bytes", "104857600"],
  ]);
}

/** The configuration of a resource, or why there is none. */
export function configsOf(
  broker: BrokerServices,
  resourceType: number,
  resourceName: string,
): DescribedConfig[] | TopicError {
  switch (resourceType) {
    case TOPIC_RESOURCE: {
      const isOwn = broker.internalTopics.get(resourceName) !== undefined;
      const config = isOwn ? internalConfig(resourceName) : broker.topics.get(resourceName)?.config;
      if (config !== undefined) return describeTopic(config, broker.settings);
      return new TopicError(Code.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition.");
    }
    case BROKER_RESOURCE:
      if (resourceName === "") return describeCluster(broker.settings);
      return refuseBroker(resourceName, broker.nodeId, " or empty string,") ?? describeBroker(broker.settings);
    case BROKER_LOGGER_RESOURCE:
      // Loggers are Java's.
      if (resourceName === "") return new TopicError(Code.INVALID_REQUEST, "Broker id must not be empty");
      return refuseBroker(resourceName, broker.nodeId) ?? [];
    case GROUP_RESOURCE:
      if (resourceName === "") return new TopicError(Code.INVALID_REQUEST, "Group name must not be empty");
      return describeOther(broker, resourceType, resourceName, SOURCE.group);
    case CLIENT_METRICS_RESOURCE:
      if (resourceName !== "") return describeOther(broker, resourceType, resourceName, SOURCE.clientMetrics);
      return new TopicError(Code.INVALID_REQUEST, "Client metrics subscription name must not be empty");
    default:
      return new TopicError(Code.INVALID_REQUEST, `Resources of type ${resourceType} are not there.`);
  }
}

/** Why a name is not this broker's. */
export function refuseBroker(name: string, nodeId: number, orElse = ""): TopicError | undefined {
  if (!/^-?\d+$/.test(name)) {
    return new TopicError(Code.INVALID_REQUEST, `Broker id must be an integer, but it is: ${name}`);
  }
  return Number(name) === nodeId ? undefined : new TopicError(
    Code.INVALID_REQUEST,
    `Unexpected broker id, expected ${nodeId}${orElse} but received ${name}`,
  );
}

/** All that can be set for a topic, with what was set and what is the default. */
export function describeTopic(config: ReadonlyMap<string, string>, settings: BrokerSettings): DescribedConfig[] {
  return [...topicConfigs.values()].map(({ name, default: fallback, type, doc }) => {
    const set = config.get(name);
    const own = set === undefined ? [] : [{ name, value: set, source: SOURCE.topic }];
    // Kafka leaves out log.roll.hours.
    const synonyms = [...own, ...settings.ofTopics(name).filter((one) => one.name !== "log.roll.hours")];
    const value = set ?? settings.topicDefaults.get(name) ?? fallback;
    return { name, value, source: synonyms[0]?.source ?? SOURCE.default, type, readOnly: false, synonyms, doc };
  });
}

function describeBroker(settings: BrokerSettings): DescribedConfig[] {
  return [...brokerConfigs.values()].map(({ name, type, effect, doc }) => {
    // In Kafka too a broker's retention in ms is that in hours, where it has none of its own.
    const synonyms = name === "log.retention.ms" ? settings.ofTopics("retention.ms") : settings.synonyms(name);
    const [first] = settings.synonyms(name);
    const source = first?.source ?? SOURCE.default;
    return { name, value: first?.value ?? null, source, type, readOnly: effect !== "always", synonyms, doc };
  });
}

/** What was altered for the whole cluster. */
function describeCluster(settings: BrokerSettings): DescribedConfig[] {
  return [...settings.altered("cluster")].flatMap(([name, value]) => {
    const config = brokerConfigs.get(name);
    if (config === undefined) return [];
    const source = SOURCE.cluster;
    return {
      name,
      value,
      source,
      type: config.type,
      readOnly: false,
      synonyms: [{ name, value, source }],
      doc: config.doc,
    };
  });
}

function describeOther(broker: BrokerServices, type: number, resourceName: string, source: number): DescribedConfig[] {
  const config = broker.resources.get(type, resourceName);
  return [...(otherConfigs.get(type)?.values() ?? [])].map(({ name, type: kind, default: fallback, doc }) => {
    const set = config.get(name);
    const own = set === undefined ? [] : [{ name, value: set, source }];
    // The defaults of groups are said to be a broker's settings, those of client metrics are nobody's.
    const synonyms = own.length > 0 || source === SOURCE.clientMetrics
      ? own
      : [{ name, value: fallback, source: SOURCE.default }];
    const from = set === undefined ? SOURCE.default : source;
    return { name, value: set ?? fallback, source: from, type: kind, readOnly: false, synonyms, doc };
  });
}
