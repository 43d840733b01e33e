import { array, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { message } from "../protocol/message.ts";

export const listTransactions = message({
  key: 66,
  name: "ListTransactions",
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    stateFilters: list(string()),
    producerIdFilters: list(int64()),
    durationFilter: int64({ v: "1+", or: -1 }),
    transactionalIdPattern: string({ v: "2+", nullable: "2+", or: null }),
  },
  response: {
    throttleTimeMs: int32({ or: 0 }),
    errorCode: int16({ or: 0 }),
    unknownStateFilters: list(string(), { or: [] }),
    transactionStates: array({ transactionalId: string(), producerId: int64(), transactionState: string() }),
  },
});
