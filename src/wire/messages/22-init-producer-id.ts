import { int16, int32, int64, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const initProducerId = message({
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
});
