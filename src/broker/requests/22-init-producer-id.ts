import { initProducerId as message } from "../../wire/messages/22-init-producer-id.ts";
import { Code } from "../../wire/error-codes.ts";
import { forVersion } from "../transactions/codes.ts";
import { api } from "./api.ts";

export const initProducerId = api(
  message,
  async (broker, { transactionalId, transactionTimeoutMs, producerId, producerEpoch }, { version }) => {
    if ((producerId === -1) !== (producerEpoch === -1)) return { errorCode: Code.INVALID_REQUEST, producerEpoch: -1 };
    const expected = producerId === -1 ? null : { producerId, producerEpoch };
    const answer = await broker.transactions.initialize(transactionalId, transactionTimeoutMs, expected);
    return { ...answer, errorCode: forVersion(answer.errorCode, version >= 4) };
  },
);
