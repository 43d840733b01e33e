import { type Call, makeCall } from "../call.ts";

export interface InitProducerIdRequest {
  /** Null for an idempotent producer without transactions. */
  readonly transactionalId: string | null;
  readonly transactionTimeoutMs: number;
  /**
   * What the producer has now: the broker then answers PRODUCER_FENCED to one that is no longer the latest (KIP-360).
   * -1 in both (the default): begin anew, fencing whoever was before.
   */
  readonly producerId?: number;
  readonly producerEpoch?: number;
}

export interface InitProducerIdResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** InitProducerId, version 4. */
export function initProducerId(request: InitProducerIdRequest): Call<InitProducerIdResponse> {
  const { transactionalId, transactionTimeoutMs, producerId = -1, producerEpoch = -1 } = request;
  return makeCall({
    apiKey: 22,
    apiName: "InitProducerId",
    apiVersion: 4,
    flexible: true,
    write: (w) =>
      w.compactNullableString(transactionalId).int32(transactionTimeoutMs).int64(producerId).int16(producerEpoch),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      errorCode: r.int16(),
      producerId: r.int64(),
      producerEpoch: r.int16(),
    }),
  });
}
