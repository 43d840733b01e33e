import { OFFSETS_TOPIC, offsetsPartition } from "../topics/offsets-topic.ts";
import { int16, int32, int64, string } from "../protocol/fields.ts";
import { forVersion } from "../transactions/codes.ts";
import { api } from "./api.ts";

export const addOffsetsToTxn = api({
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [0, 4],
  flexibleFrom: 3,
  request: { transactionalId: string(), producerId: int64(), producerEpoch: int16(), groupId: string() },
  response: { throttleTimeMs: int32({ or: 0 }), errorCode: int16() },
  async handle(broker, request, { version }) {
    const { transactionalId, groupId } = request;
    const partition = { topic: OFFSETS_TOPIC, partition: offsetsPartition(groupId) };
    const code = await broker.transactions.add(transactionalId, request, [partition]);
    return { errorCode: forVersion(code, version >= 2) };
  },
});
