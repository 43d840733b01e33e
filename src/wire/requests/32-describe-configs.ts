import { type Call, makeCall } from "../call.ts";

export interface DescribeConfigsRequest {
  readonly resources: readonly {
    readonly type: "topic" | "broker";
    /** The topic's name or the broker's id. */
    readonly name: string;
    /** The settings that are asked for. */
    readonly keys: readonly string[];
  }[];
}

export interface DescribeConfigsResponse {
  readonly throttleTimeMs: number;
  readonly resources: readonly {
    readonly errorCode: number;
    readonly errorMessage: string | null;
    readonly name: string;
    /** Null: a secret, or not set. What the broker does not know is missing. */
    readonly configs: ReadonlyMap<string, string | null>;
  }[];
}

const TYPES = { topic: 2, broker: 4 } as const;

/** DescribeConfigs, version 1. */
export function describeConfigs({ resources }: DescribeConfigsRequest): Call<DescribeConfigsResponse> {
  return makeCall({
    apiKey: 32,
    apiName: "DescribeConfigs",
    apiVersion: 1,
    write: (w) =>
      w.array(resources, ({ type, name, keys }) => w.int8(TYPES[type]).string(name).array(keys, (key) => w.string(key)))
        .boolean(false), // includeSynonyms
    read: (r) => ({
      throttleTimeMs: r.int32(),
      resources: r.array(() => {
        const errorCode = r.int16();
        const errorMessage = r.nullableString();
        r.int8(); // its type
        const name = r.string();
        const configs = new Map(r.array((): [string, string | null] => {
          const key = r.string();
          const value = r.nullableString();
          r.boolean(); // readOnly
          r.int8(); // configSource
          r.boolean(); // isSensitive
          r.array(() => [r.string(), r.nullableString(), r.int8()]); // synonyms
          return [key, value];
        }));
        return { errorCode, errorMessage, name, configs };
      }),
    }),
  });
}
