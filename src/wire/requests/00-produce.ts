import { type Call, makeCall } from "../call.ts";

export interface ProduceRequest {
  /** Null unless the batches are of a transaction. */
  readonly transactionalId?: string | null;
  /** -1: all in-sync replicas (the default); 1: the leader; 0: the broker does not answer at all. */
  readonly acks?: -1 | 0 | 1;
  readonly timeoutMs: number;
  readonly topics: readonly {
    readonly topic: string;
    /** One whole record batch a partition. */
    readonly partitions: readonly { readonly partition: number; readonly batch: Uint8Array }[];
  }[];
}

/** What became of a partition's batch. */
export interface ProducedPartition {
  readonly partition: number;
  readonly errorCode: number;
  /** The offset of the batch's first record. */
  readonly baseOffset: number;
  /** Milliseconds since 1970, or -1 where the topic keeps the producer's timestamps. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** The records that are to blame for the error, by their place in the batch; none: the broker does not say. */
  readonly recordErrors: readonly RecordError[];
  /** The error in words, where the broker has any. */
  readonly errorMessage: string | null;
}

export interface RecordError {
  readonly index: number;
  readonly message: string | null;
}

export interface ProduceResponse {
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly ProducedPartition[] }[];
  readonly throttleTimeMs: number;
}

/**
 * Produce of a transaction in its second version (KIP-890), which partitions come into by being written to: version 12,
 * or 13, where topics are given by their ids, 32 hexadecimal digits in the place of the names, there and back.
 */
export function produceTransactional(request: ProduceRequest, version: 12 | 13): Call<ProduceResponse> {
  const { transactionalId = null, acks = -1, timeoutMs, topics } = request;
  return makeCall({
    apiKey: 0,
    apiName: "Produce",
    apiVersion: version,
    flexible: true,
    capacity: sizeOf(request),
    write: (w) =>
      w.compactNullableString(transactionalId).int16(acks).int32(timeoutMs).compactArray(topics, (each) => {
        if (version === 13) w.uuid(each.topic);
        else w.compactString(each.topic);
        w.compactArray(
          each.partitions,
          ({ partition, batch }) => w.int32(partition).compactBytes(batch).noTaggedFields(),
        ).noTaggedFields();
      }),
    read: (r) => ({
      topics: r.compactArray(() => {
        const topic = version === 13 ? r.uuid() : r.compactString();
        const partitions = r.compactArray(() => {
          const partition = {
            partition: r.int32(),
            errorCode: r.int16(),
            baseOffset: r.int64(),
            logAppendTimeMs: r.int64(),
            logStartOffset: r.int64(),
            recordErrors: r.compactArray(() => {
              const error = { index: r.int32(), message: r.compactNullableString() };
              r.skipTaggedFields();
              return error;
            }),
            errorMessage: r.compactNullableString(),
          };
          r.skipTaggedFields();
          return partition;
        });
        r.skipTaggedFields();
        return { topic, partitions };
      }),
      throttleTimeMs: r.int32(),
    }),
  });
}

/** Produce, version 13: topics by their ids, in the place of the names. */
export function produceById(request: ProduceRequest): Call<ProduceResponse> {
  return produceTransactional(request, 13);
}

/** Produce, version 8: the first that names the records to blame for an error. The batches are copied once, into the request. */
export function produce(request: ProduceRequest): Call<ProduceResponse> {
  const { transactionalId = null, acks = -1, timeoutMs, topics } = request;
  return makeCall({
    apiKey: 0,
    apiName: "Produce",
    apiVersion: 8,
    capacity: sizeOf(request),
    write: (w) =>
      w.nullableString(transactionalId).int16(acks).int32(timeoutMs).array(
        topics,
        ({ topic, partitions }) =>
          w.string(topic).array(partitions, ({ partition, batch }) => w.int32(partition).bytes(batch)),
      ),
    read: (r) => ({
      topics: r.array(() => ({
        topic: r.string(),
        partitions: r.array(() => ({
          partition: r.int32(),
          errorCode: r.int16(),
          baseOffset: r.int64(),
          logAppendTimeMs: r.int64(),
          logStartOffset: r.int64(),
          recordErrors: r.array(() => ({ index: r.int32(), message: r.nullableString() })),
          errorMessage: r.nullableString(),
        })),
      })),
      throttleTimeMs: r.int32(),
    }),
  });
}

// At most: a UTF-16 unit is three bytes of UTF-8 or less.
function sizeOf({ transactionalId, topics }: ProduceRequest): number {
  let size = 12 + 3 * (transactionalId?.length ?? 0);
  for (const { topic, partitions } of topics) {
    size += 6 + 3 * topic.length;
    for (const { batch } of partitions) size += 10 + batch.length;
  }
  return size;
}
