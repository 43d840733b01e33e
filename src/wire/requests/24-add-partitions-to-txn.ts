import { type Call, makeCall } from "../call.ts";

export interface AddPartitionsToTxnRequest {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

export interface AddPartitionsToTxnResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[];
  }[];
}

/** AddPartitionsToTxn, version 3: of transactions of version 1. */
export function addPartitionsToTxn(request: AddPartitionsToTxnRequest): Call<AddPartitionsToTxnResponse> {
  const { transactionalId, producerId, producerEpoch, topics } = request;
  return makeCall({
    apiKey: 24,
    apiName: "AddPartitionsToTxn",
    apiVersion: 3,
    flexible: true,
    write: (w) =>
      w.compactString(transactionalId).int64(producerId).int16(producerEpoch).compactArray(
        topics,
        ({ topic, partitions }) =>
          w.compactString(topic).compactArray(partitions, (partition) => w.int32(partition)).noTaggedFields(),
      ),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      topics: r.compactArray(() => {
        const topic = r.compactString();
        const partitions = r.compactArray(() => {
          const partition = { partition: r.int32(), errorCode: r.int16() };
          r.skipTaggedFields();
          return partition;
        });
        r.skipTaggedFields();
        return { topic, partitions };
      }),
    }),
  });
}
