import { describeConfigs as message } from "../../wire/messages/32-describe-configs.ts";
import { configTypes } from "../settings/configs.ts";
import { configsOf } from "../configs/describe.ts";
import { TopicError } from "../topics/create-topic.ts";
import { api } from "./api.ts";

export const describeConfigs = api(message, (broker, { resources, includeSynonyms, includeDocumentation }) => {
  return {
    results: resources.map(({ resourceType, resourceName, configurationKeys }) => {
      const about = { resourceType, resourceName };
      const found = configsOf(broker, resourceType, resourceName);
      if (found instanceof TopicError) {
        return { ...about, errorCode: found.code, errorMessage: found.message, configs: [] };
      }
      return {
        ...about,
        errorMessage: "",
        configs: found
          .filter(({ name }) =>
            configurationKeys === null || configurationKeys.length === 0 || configurationKeys.includes(name)
          )
          .map(({ name, value, source, type, readOnly, synonyms, doc }) => ({
            name,
            value,
            readOnly,
            configSource: source,
            isSensitive: false,
            synonyms: includeSynonyms ? synonyms : [],
            configType: configTypes[type],
            documentation: includeDocumentation ? doc : null,
          })),
      };
    }),
  };
});
