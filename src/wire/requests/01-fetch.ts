import { type Call, makeCall } from "../call.ts";
import type { Reader } from "../reader.ts";
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
      /** Of the batch before the position, so that a log that was cut back is found out (KIP-595); -1 (the default): unknown. */
      readonly lastFetchedEpoch?: number;
      readonly maxBytes: number;
    }[];
  }[];
  /**
   * The session that this belongs to (KIP-227), in which the broker remembers what is asked for: `topics` are what is new or
   * has changed, `forgotten` what is not asked for any more. Without one `topics` are all.
   */
  readonly session?: FetchSessionOf;
}

export interface FetchSessionOf {
  /** 0: there is none yet. */
  readonly id: number;
  /** 0 begins a session, and ends the one of that id; then each request has the next. */
  readonly epoch: number;
  readonly forgotten: readonly { readonly topicId: string; readonly partitions: readonly number[] }[];
}

export interface FetchResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  /** 0: the broker keeps none. */
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
  /** The log is another one before the position: where the epoch ended in it that the position's batch is of. */
  readonly diverging: { readonly epoch: number; readonly endOffset: number } | undefined;
  /** Record batches, as a view of the answer: for `decodeRecords`. */
  readonly records: Uint8Array;
}

const CONSUMER = -1; // the replica id of what is not a broker
/** "All partitions, and make no session" (KIP-227). */
const NO_SESSION: FetchSessionOf = { id: 0, epoch: -1, forgotten: [] };
const DIVERGING = 0; // the tag of the field
const NOTHING = new Uint8Array(0);

/** Fetch, version 13: by topic id, so that a topic that was deleted and created anew is an error. */
export function fetch(request: FetchRequest): Call<FetchResponse> {
  const { maxWaitMs, minBytes, maxBytes, isolationLevel, topics, session = NO_SESSION } = request;
  return makeCall({
    apiKey: 1,
    apiName: "Fetch",
    apiVersion: 13,
    flexible: true,
    write: (w) => {
      w.int32(CONSUMER).int32(maxWaitMs).int32(minBytes).int32(maxBytes);
      w.int8(isolationLevel === "read_committed" ? 1 : 0).int32(session.id).int32(session.epoch);
      w.compactArray(topics, ({ topicId, partitions }) => {
        w.uuid(topicId);
        w.compactArray(partitions, ({ partition, leaderEpoch = -1, fetchOffset, lastFetchedEpoch = -1, maxBytes }) => {
          w.int32(partition).int32(leaderEpoch).int64(fetchOffset).int32(lastFetchedEpoch);
          w.int64(-1); // logStartOffset: for followers
          w.int32(maxBytes).noTaggedFields();
        });
        w.noTaggedFields();
      });
      w.compactArray(session.forgotten, ({ topicId, partitions }) => {
        w.uuid(topicId);
        w.compactArray(partitions, (partition) => w.int32(partition)).noTaggedFields();
      });
      w.compactString(""); // rack
    },
    read: (r) => ({
      throttleTimeMs: r.int32(),
      errorCode: r.int16(),
      sessionId: r.int32(),
      topics: r.compactArray(() => {
        const topicId = r.uuid();
        const partitions = r.compactArray(() => {
          let diverging: FetchedPartition["diverging"];
          const partition = {
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
          r.taggedFields((tag, field) => {
            if (tag === DIVERGING) diverging = divergingOf(field);
          });
          return { ...partition, diverging };
        });
        r.skipTaggedFields();
        return { topicId, partitions };
      }),
    }),
  });
}

function divergingOf(r: Reader): FetchedPartition["diverging"] {
  const found = { epoch: r.int32(), endOffset: r.int64() };
  return found.endOffset < 0 ? undefined : found;
}
