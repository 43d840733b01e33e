import { endTxn as message } from "../../wire/messages/26-end-txn.ts";
import { forVersion } from "../transactions/codes.ts";
import { api } from "./api.ts";

export const endTxn = api(message, async (broker, request, { version }) => {
  const { transactionalId, committed } = request;
  const answer = await broker.transactions.end(transactionalId, request, committed, version >= 5);
  return { ...answer, errorCode: forVersion(answer.errorCode, version >= 2) };
});
