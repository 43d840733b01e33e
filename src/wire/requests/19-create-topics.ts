import { type Call, makeCall } from "../call.ts";

export interface CreateTopicsRequest {
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: number;
    /** -1: the broker's default (KIP-464). */
    readonly replicationFactor: number;
    readonly configs?: Readonly<Record<string, string>>;
  }[];
  readonly timeoutMs: number;
}

export interface CreateTopicsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly name: string;
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[];
}

/** CreateTopics, version 4. */
export function createTopics({ topics, timeoutMs }: CreateTopicsRequest): Call<CreateTopicsResponse> {
  return makeCall({
    apiKey: 19,
    apiName: "CreateTopics",
    apiVersion: 4,
    write: (w) =>
      w.array(
        topics,
        ({ name, partitions, replicationFactor, configs = {} }) =>
          w.string(name).int32(partitions).int16(replicationFactor)
            .array([], () => {}) // assignments of replicas by hand
            .array(Object.entries(configs), ([key, value]) => w.string(key).nullableString(value)),
      )
        .int32(timeoutMs)
        .boolean(false), // validateOnly
    read: (r) => ({
      throttleTimeMs: r.int32(),
      topics: r.array(() => ({ name: r.string(), errorCode: r.int16(), errorMessage: r.nullableString() })),
    }),
  });
}
