import { type Call, makeCall } from "../call.ts";

export interface OffsetFetchRequest {
  readonly groupId: string;
  /** Null: everything that the group has committed. */
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null;
}

export interface OffsetFetchResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      /** -1: the group has committed none. */
      readonly committedOffset: number;
      readonly committedLeaderEpoch: number;
      readonly metadata: string | null;
      readonly errorCode: number;
    }[];
  }[];
  readonly errorCode: number;
}

/** OffsetFetch, version 5. */
export function offsetFetch({ groupId, topics }: OffsetFetchRequest): Call<OffsetFetchResponse> {
  return makeCall({
    apiKey: 9,
    apiName: "OffsetFetch",
    apiVersion: 5,
    write: (w) =>
      w.string(groupId).nullableArray(
        topics,
        ({ topic, partitions }) => w.string(topic).array(partitions, (partition) => w.int32(partition)),
      ),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      topics: r.array(() => ({
        topic: r.string(),
        partitions: r.array(() => ({
          partition: r.int32(),
          committedOffset: r.int64(),
          committedLeaderEpoch: r.int32(),
          metadata: r.nullableString(),
          errorCode: r.int16(),
        })),
      })),
      errorCode: r.int16(),
    }),
  });
}
