import { int16, int32, int64, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const addOffsetsToTxn = message({
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [0, 4],
  flexibleFrom: 3,
  request: { transactionalId: string(), producerId: int64(), producerEpoch: int16(), groupId: string() },
  response: { throttleTimeMs: int32({ or: 0 }), errorCode: int16() },
});
