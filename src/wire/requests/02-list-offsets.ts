import { type Call, makeCall } from "../call.ts";

/** Timestamps with a meaning of their own. */
export const EARLIEST = -2;
export const LATEST = -1;

export interface ListOffsetsRequest {
  /** What `LATEST` means: the high watermark (read_uncommitted) or the last stable offset. */
  readonly isolationLevel: "read_uncommitted" | "read_committed";
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      /** -1 (the default): unknown. */
      readonly leaderEpoch?: number;
      /** Milliseconds since 1970, {@link EARLIEST} or {@link LATEST}. */
      readonly timestamp: number;
    }[];
  }[];
}

export interface ListOffsetsResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      /** Of the record found; -1 for {@link EARLIEST} and {@link LATEST}, and if there is none. */
      readonly timestamp: number;
      /** Of the first record with this timestamp or a later one; -1 if there is none. */
      readonly offset: number;
      readonly leaderEpoch: number;
    }[];
  }[];
}

/** ListOffsets, version 5. */
export function listOffsets({ isolationLevel, topics }: ListOffsetsRequest): Call<ListOffsetsResponse> {
  return makeCall({
    apiKey: 2,
    apiName: "ListOffsets",
    apiVersion: 5,
    write: (w) =>
      w.int32(-1) // replica id: not a broker
        .int8(isolationLevel === "read_committed" ? 1 : 0)
        .array(topics, ({ topic, partitions }) =>
          w.string(topic).array(partitions, ({ partition, leaderEpoch = -1, timestamp }) =>
            w.int32(partition).int32(leaderEpoch).int64(timestamp))),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      topics: r.array(() => ({
        topic: r.string(),
        partitions: r.array(() => ({
          partition: r.int32(),
          errorCode: r.int16(),
          timestamp: r.int64(),
          offset: r.int64(),
          leaderEpoch: r.int32(),
        })),
      })),
    }),
  });
}
