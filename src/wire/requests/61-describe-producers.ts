import { type Call, makeCall } from "../call.ts";

export interface DescribeProducersRequest {
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  /** Milliseconds since 1970; -1: none. */
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  /** Where its open transaction begins; -1: none is open. */
  readonly transactionStart: number;
}

export interface DescribeProducersResponse {
  readonly throttleTimeMs: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly errorMessage: string | null;
      readonly producers: readonly ActiveProducer[];
    }[];
  }[];
}

/** DescribeProducers, version 0: of the partition's leader. */
export function describeProducers({ topics }: DescribeProducersRequest): Call<DescribeProducersResponse> {
  return makeCall({
    apiKey: 61,
    apiName: "DescribeProducers",
    apiVersion: 0,
    flexible: true,
    write: (w) =>
      w.compactArray(
        topics,
        ({ topic, partitions }) =>
          w.compactString(topic).compactArray(partitions, (partition) => w.int32(partition)).noTaggedFields(),
      ),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      topics: r.compactArray(() => {
        const topic = r.compactString();
        const partitions = r.compactArray(() => {
          const partition = {
            partition: r.int32(),
            errorCode: r.int16(),
            errorMessage: r.compactNullableString(),
            producers: r.compactArray(() => {
              const producer: ActiveProducer = {
                producerId: r.int64(),
                producerEpoch: r.int32(),
                lastSequence: r.int32(),
                lastTimestamp: r.int64(),
                coordinatorEpoch: r.int32(),
                transactionStart: r.int64(),
              };
              r.skipTaggedFields();
              return producer;
            }),
          };
          r.skipTaggedFields();
          return partition;
        });
        r.skipTaggedFields();
        return { topic, partitions };
      }),
    }),
  });
}
