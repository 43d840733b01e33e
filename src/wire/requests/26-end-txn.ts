import { type Call, tableCalls } from "../call.ts";
import { endTxn as message } from "../messages/26-end-txn.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type EndTxnRequest = Write<typeof message.request>;
export type EndTxnResponse = Read<typeof message.response>;

const calls = { 3: tableCalls(message, 3), 5: tableCalls(message, 5) };

/**
 * EndTxn: version 3, or 5, after which the producer has another epoch (KIP-890): that of the answer, which has -1 before
 * version 5 and with an error. In version 5 a transaction that nothing has been added to can be aborted, too.
 */
export function endTxn(request: EndTxnRequest, version: 3 | 5): Call<EndTxnResponse> {
  return calls[version](request);
}
