import { type Call, makeCall } from "../call.ts";
import type { AbortedTransaction } from "../records.ts";

export interface FetchRequest {
  /** How long the broker may wait until there are `minBytes`. */
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of the whole answer; a first batch that is larger comes all the same (KIP-74). */
  readonly maxBytes: number;
  readonly isolationLevel: "read_uncommitted" | "read_committed";
  readonly topics: readonly {
    /** 32 hexadecimal digits, as Metadata gives them. */
    readonly topicId: string;
    readonly partitions: readonly {
      readonly partition: number;
      /** The leader epoch that the position belongs to, so that a stale leader is found out; -1 (the default): unknown. */
      readonly leaderEpoch?: number;
      readonly fetchOffset: number;
      readonly maxBytes: number;
    }[];
  }[];
}

export interface FetchResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly topics: readonly {
    readonly topicId: string;
    readonly partitions: readonly FetchedPartition[];
  }[];
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** For read_committed: what `decodeRecords` has to leave out. */
  readonly aborted: readonly AbortedTransaction[];
  /** A follower that the broker would rather have us read from, or -1. */
  readonly preferredReadReplica: number;
  /** Record batches, as a view of the answer: for `decodeRecords`. */
  readonly records: Uint8Array;
}

const CONSUMER = -1; // the replica id of what is not a broker
const NO_SESSION = 0;
const FULL_FETCH = -1; // the session epoch for "all partitions, and make no session" (KIP-227)
const NOTHING = new Uint8Array(0);

/** Fetch, version 13: by topic id, so that a topic that was deleted and created anew is an error. */
export function fetch(request: FetchRequest): Call<FetchResponse> {
  const { maxWaitMs, minBytes, maxBytes, isolationLevel, topics } = request;
  return makeCall({
    apiKey: 1,
    apiName: "Fetch",
    apiVersion: 13,
    flexible: true,
    write: (w) => {
      w.int32(CONSUMER).int32(maxWaitMs).int32(minBytes).int32(maxBytes);
      w.int8(isolationLevel === "read_committed" ? 1 : 0).int32(NO_SESSION).int32(FULL_FETCH);
      w.compactArray(topics, ({ topicId, partitions }) => {
        w.uuid(topicId);
        w.compactArray(partitions, ({ partition, leaderEpoch = -1, fetchOffset, maxBytes }) => {
          w.int32(partition).int32(leaderEpoch).int64(fetchOffset);
          w.int32(-1).int64(-1); // lastFetchedEpoch and logStartOffset: for followers
          w.int32(maxBytes).noTaggedFields();
        });
        w.noTaggedFields();
      });
      w.compactArray([], () => {}); // topics to forget in the session
      w.compactString(""); // rack
    },
    read: (r) => ({
      throttleTimeMs: r.int32(),
      errorCode: r.int16(),
      sessionId: r.int32(),
      topics: r.compactArray(() => {
        const topicId = r.uuid();
        const partitions = r.compactArray(() => {
          const partition: FetchedPartition = {
            partition: r.int32(),
            errorCode: r.int16(),
            highWatermark: r.int64(),
            lastStableOffset: r.int64(),
            logStartOffset: r.int64(),
            aborted: r.compactNullableArray(() => {
              const aborted = { producerId: r.int64(), firstOffset: r.int64() };
              r.skipTaggedFields();
              return aborted;
            }) ?? [],
            preferredReadReplica: r.int32(),
            records: r.compactNullableBytes() ?? NOTHING,
          };
          r.skipTaggedFields();
          return partition;
        });
        r.skipTaggedFields();
        return { topicId, partitions };
      }),
    }),
  });
}
