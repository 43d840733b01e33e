import type { BrokerServices } from "../services.ts";
import { Code } from "../../wire/error-codes.ts";
import { type ConfigKey, refuseTogether, topicConfigs } from "../settings/configs.ts";
import { refuseBroker } from "./describe.ts";
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
import type { Scope } from "../settings/settings.ts";

/** A resource whose configuration can be altered. */
export interface Configurable {
  /** What it is, in a sentence about a setting that it does not have. */
  readonly kind: string;
  /** What is set. */
  readonly config: ReadonlyMap<string, string>;
  readonly keys: ReadonlyMap<string, ConfigKey>;
  /** The code for a value that is not allowed. */
  readonly invalid?: number;
  defaultOf(name: string): string;
  /** Why a setting cannot be altered, whatever its value is. */
  refuse?(name: string): TopicError | undefined;
  /** Why the settings do not go together. */
  refuseTogether?(config: ReadonlyMap<string, string>): string | undefined;
  apply(config: ReadonlyMap<string, string>): void;
}

/** The broker's settings that can be altered while it runs: all of them have a default. */
const alterable: ReadonlyMap<string, ConfigKey> = new Map(
  [...brokerConfigs.values()].filter(({ effect }) => effect === "always")
    .map((one) => [one.name, { ...one, default: one.default ?? "" }]),
);

/** What is to be altered, or why it cannot be. */
export function configurableOf(broker: BrokerServices, type: number, name: string): Configurable | TopicError {
  switch (type) {
    case TOPIC_RESOURCE:
      return ofTopic(broker, name);
    case BROKER_RESOURCE:
      return name === ""
        ? ofBroker(broker, "cluster")
        : refuseBroker(name, broker.nodeId) ?? ofBroker(broker, "broker");
    case BROKER_LOGGER_RESOURCE:
      return new TopicError(
        Code.INVALID_CONFIG,
        "The broker for development has one level for all: start it with --loglevel.",
      );
    case GROUP_RESOURCE:
      if (name === "") return new TopicError(Code.INVALID_REQUEST, "Default group resources are not allowed.");
      return ofOther(broker, type, name, "group");
    case CLIENT_METRICS_RESOURCE:
      if (name === "") return new TopicError(Code.INVALID_REQUEST, "Subscription name can't be empty");
      return ofOther(broker, type, name, "client metrics");
    default:
      return new TopicError(Code.INVALID_REQUEST, `Unknown resource type ${type}`);
  }
}

function ofTopic(broker: BrokerServices, name: string): Configurable | TopicError {
  const topic = broker.topics.get(name);
  if (broker.internalTopics.get(name) !== undefined) {
    return new TopicError(Code.TOPIC_AUTHORIZATION_FAILED, `The topic '${name}' is the broker's own.`);
  }
  if (topic === undefined) {
    return new TopicError(Code.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
  }
  const defaults = broker.settings.topicDefaults;
  return {
    kind: "topic",
    config: topic.config,
    keys: topicConfigs,
    defaultOf: (key) => defaults.get(key) ?? topicConfigs.get(key)?.default ?? "",
    refuseTogether: (config) => refuseTogether(new Map([...defaults, ...config])),
    apply: (config) => broker.topics.configure(topic, config),
  };
}

function ofBroker({ settings, topics }: BrokerServices, scope: Scope): Configurable {
  return {
    kind: "broker",
    config: settings.altered(scope),
    keys: alterable,
    invalid: Code.INVALID_REQUEST,
    defaultOf: (key) => settings.get(key) ?? "",
    refuse: (key) => {
      const effect = brokerConfigs.get(key)?.effect;
      const why = {
        always: undefined,
        start: `Cannot update these configs dynamically: ${key} counts from the start on (--set ${key}=…).`,
        none: `Cannot update these configs dynamically: ${key} has no effect on the broker for development.`,
        fixed: `Cannot update these configs dynamically: ${key} says what the broker is.`,
      };
      const sentence = effect === undefined
        ? `The broker for development has no setting ${JSON.stringify(key)}.`
        : why[effect];
      return sentence === undefined ? undefined : new TopicError(Code.INVALID_REQUEST, sentence);
    },
    apply: (config) => {
      settings.alter(scope, config);
      topics.defaultsChanged();
    },
  };
}

function ofOther({ resources }: BrokerServices, type: number, name: string, kind: string): Configurable {
  const keys = otherConfigs.get(type) ?? new Map<string, ConfigKey>();
  return {
    kind,
    keys,
    config: resources.get(type, name),
    defaultOf: (key) => keys.get(key)?.default ?? "",
    refuse: (key) =>
      type !== CLIENT_METRICS_RESOURCE || keys.has(key)
        ? undefined
        : new TopicError(Code.INVALID_REQUEST, `Unknown client metrics configuration: ${key}`),
    apply: (config) => resources.set(type, name, config),
  };
}
