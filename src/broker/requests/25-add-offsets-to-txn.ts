import { addOffsetsToTxn as message } from "../../wire/messages/25-add-offsets-to-txn.ts";
import { OFFSETS_TOPIC, offsetsPartition } from "../topics/offsets-topic.ts";
import { forVersion } from "../transactions/codes.ts";
import { api } from "./api.ts";

export const addOffsetsToTxn = api(message, async (broker, request, { version }) => {
  const { transactionalId, groupId } = request;
  const partition = { topic: OFFSETS_TOPIC, partition: offsetsPartition(groupId) };
  const code = await broker.transactions.add(transactionalId, request, [partition]);
  return { errorCode: forVersion(code, version >= 2) };
});
