import { boolean, int16, int32, int64, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const endTxn = message({
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
});
