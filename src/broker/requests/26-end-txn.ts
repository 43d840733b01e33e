import { boolean, int16, int32, int64, string } from "../protocol/fields.ts";
import { forVersion } from "../transactions/codes.ts";
import { api } from "./api.ts";

export const endTxn = api({
  key: 26,
  name: "EndTxn",
  versions: [0, 5],
  flexibleFrom: 3,
  request: { transactionalId: string(), producerId: int64(), producerEpoch: int16(), committed: boolean() },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16(),
    producerId: int64({ v: "5+", or: -1 }),
    producerEpoch: int16({ v: "5+", or: -1 }),
  },
  async handle(broker, request, { version }) {
    const { transactionalId, committed } = request;
    const answer = await broker.transactions.end(transactionalId, request, committed, version >= 5);
    return { ...answer, errorCode: forVersion(answer.errorCode, version >= 2) };
  },
});
