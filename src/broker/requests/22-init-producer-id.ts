import { Code } from "../../wire/error-codes.ts";
import { int16, int32, int64, string } from "../protocol/fields.ts";
import { forVersion } from "../transactions/codes.ts";
import { api } from "./api.ts";

export const initProducerId = api({
  key: 22,
  name: "InitProducerId",
  versions: [0, 5],
  flexibleFrom: 2,
  request: {
    transactionalId: string({ nullable: "0+" }),
    transactionTimeoutMs: int32(),
    producerId: int64({ v: "3+", or: -1 }),
    producerEpoch: int16({ v: "3+", or: -1 }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16(),
    producerId: int64({ or: -1 }),
    producerEpoch: int16(),
  },
  async handle(broker, { transactionalId, transactionTimeoutMs, producerId, producerEpoch }, { version }) {
    if ((producerId === -1) !== (producerEpoch === -1)) return { errorCode: Code.INVALID_REQUEST, producerEpoch: -1 };
    const expected = producerId === -1 ? null : { producerId, producerEpoch };
    const answer = await broker.transactions.initialize(transactionalId, transactionTimeoutMs, expected);
    return { ...answer, errorCode: forVersion(answer.errorCode, version >= 4) };
  },
});
