import { configTypes } from "../settings/configs.ts";
import { configsOf } from "../configs/describe.ts";
import { TopicError } from "../topics/create-topic.ts";
import { array, boolean, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { api } from "./api.ts";

export const describeConfigs = api({
  key: 32,
  name: "DescribeConfigs",
  versions: [1, 4],
  flexibleFrom: 4,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: list(string(), { nullable: "0+" }),
    }),
    includeSynonyms: boolean({ or: false }),
    includeDocumentation: boolean({ v: "3+", or: false }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    results: array({
      errorCode: int16({ or: 0 }),
      errorMessage: string({ nullable: "0+", or: null }),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: "0+" }),
        readOnly: boolean(),
        configSource: int8({ or: -1 }),
        isSensitive: boolean(),
        synonyms: array({
          name: string(),
          value: string({ nullable: "0+" }),
          source: int8(),
        }),
        configType: int8({ v: "3+", or: 0 }),
        documentation: string({ v: "3+", nullable: "3+", or: null }),
      }),
    }),
  },
  handle(broker, { resources, includeSynonyms, includeDocumentation }) {
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
  },
});
