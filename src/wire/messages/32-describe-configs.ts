import { array, boolean, int16, int32, int8, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const describeConfigs = message({
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
});
