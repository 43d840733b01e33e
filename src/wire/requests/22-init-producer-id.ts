import { type Call, tableCalls } from "../call.ts";
import { initProducerId as message } from "../messages/22-init-producer-id.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type InitProducerIdRequest = Write<typeof message.request>;
export type InitProducerIdResponse = Read<typeof message.response>;

const call = tableCalls(message, 4);

/**
 * InitProducerId, version 4. `transactionalId`: null for an idempotent producer without transactions. `producerId` and
 * `producerEpoch`: what the producer has now, and the broker answers PRODUCER_FENCED to one that is no longer the latest
 * (KIP-360); without them it begins anew, fencing whoever was before.
 */
export function initProducerId(request: InitProducerIdRequest): Call<InitProducerIdResponse> {
  return call(request);
}
