import { type Call, tableCall } from "../call.ts";
import { initProducerId as message } from "../messages/22-init-producer-id.ts";
import type { Read, Write } from "../protocol/fields.ts";

export type InitProducerIdRequest = Write<typeof message.request>;
export type InitProducerIdResponse = Read<typeof message.response>;

/**
 * InitProducerId, version 4. `transactionalId`: null for an idempotent producer without transactions. `producerId` and
 * `producerEpoch`: what the producer has now, and the broker answers PRODUCER_FENCED to one that is no longer the latest
 * (KIP-360); without them it begins anew, fencing whoever was before.
 */
export function initProducerId(request: InitProducerIdRequest): Call<InitProducerIdResponse> {
  return tableCall(message, 4, request);
}
