import { type Call, makeCall } from "../call.ts";

export interface EndTxnRequest {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly committed: boolean;
}

export interface EndTxnResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  /** What the producer goes on with; -1 before version 5, where it keeps what it has, and with an error. */
  readonly producerId: number;
  readonly producerEpoch: number;
}

/**
 * EndTxn: version 3, or 5, after which the producer has another epoch (KIP-890). In version 5 a transaction that nothing
 * has been added to can be aborted, too.
 */
export function endTxn(request: EndTxnRequest, version: 3 | 5): Call<EndTxnResponse> {
  const { transactionalId, producerId, producerEpoch, committed } = request;
  return makeCall({
    apiKey: 26,
    apiName: "EndTxn",
    apiVersion: version,
    flexible: true,
    write: (w) => w.compactString(transactionalId).int64(producerId).int16(producerEpoch).boolean(committed),
    read: (r) => ({
      throttleTimeMs: r.int32(),
      errorCode: r.int16(),
      producerId: version >= 5 ? r.int64() : -1,
      producerEpoch: version >= 5 ? r.int16() : -1,
    }),
  });
}
