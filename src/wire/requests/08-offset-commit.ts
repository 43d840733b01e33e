import { type Call, makeCall } from "../call.ts";

export interface OffsetCommitRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      /** The next offset to read. */
      readonly committedOffset: number;
      /** Of the last record read; -1 (the default): unknown. */
      readonly committedLeaderEpoch?: number;
      readonly committedMetadata?: string | null;
    }[];
  }[];
}

export interface OffsetCommitResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[];
  }[];
}

/** OffsetCommit, version 7. */
export function offsetCommit(request: OffsetCommitRequest): Call<OffsetCommitResponse> {
  const { groupId, generationId, memberId, groupInstanceId = null, topics } = request;
  return makeCall({
    apiKey: 8,
    apiName: "OffsetCommit",
    apiVersion: 7,
    write: (w) => {
      w.string(groupId).int32(generationId).string(memberId).nullableString(groupInstanceId);
      w.array(
        topics,
        ({ topic, partitions }) =>
          w.string(topic).array(
            partitions,
            (p) =>
              w.int32(p.partition).int64(p.committedOffset).int32(p.committedLeaderEpoch ?? -1)
                .nullableString(p.committedMetadata ?? ""),
          ),
      );
    },
    read: (r) => ({
      throttleTimeMs: r.int32(),
      topics: r.array(() => ({
        topic: r.string(),
        partitions: r.array(() => ({ partition: r.int32(), errorCode: r.int16() })),
      })),
    }),
  });
}
