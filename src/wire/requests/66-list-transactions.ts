import { type Call, makeCall } from "../call.ts";

export interface ListTransactionsRequest {
  /** Of these producers; empty: of all. */
  readonly producerIds: readonly number[];
}

export interface ListTransactionsResponse {
  readonly throttleTimeMs: number;
  readonly errorCode: number;
  readonly transactions: readonly {
    readonly transactionalId: string;
    readonly producerId: number;
    /** As `Ongoing`. */
    readonly state: string;
  }[];
}

/** ListTransactions, version 0: those that the broker coordinates. */
export function listTransactions({ producerIds }: ListTransactionsRequest): Call<ListTransactionsResponse> {
  return makeCall({
    apiKey: 66,
    apiName: "ListTransactions",
    apiVersion: 0,
    flexible: true,
    write: (w) => w.compactArray([], () => {}).compactArray(producerIds, (id) => w.int64(id)), // any state
    read: (r) => {
      const throttleTimeMs = r.int32();
      const errorCode = r.int16();
      r.compactArray(() => r.compactString()); // states that the broker does not know, of none that were asked for
      const transactions = r.compactArray(() => {
        const transaction = {
          transactionalId: r.compactString(),
          producerId: r.int64(),
          state: r.compactString(),
        };
        r.skipTaggedFields();
        return transaction;
      });
      return { throttleTimeMs, errorCode, transactions };
    },
  });
}
