import { array, int16, int32, int64, list, string } from "../protocol/fields.ts";
import { TRANSACTION_STATES } from "../transactions/transaction.ts";
import { api } from "./api.ts";

const INVALID_REGULAR_EXPRESSION = 128;
const KNOWN: ReadonlySet<string> = new Set(TRANSACTION_STATES);

export const listTransactions = api({
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
  handle(broker, { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }) {
    const pattern = wholePattern(transactionalIdPattern);
    if (pattern === undefined) return { errorCode: INVALID_REGULAR_EXPRESSION, transactionStates: [] };
    const now = broker.clock.wall();
    const listed = [...broker.transactions.all()].filter(({ transactionalId, producerId, state, startedAt }) =>
      (producerIdFilters.length === 0 || producerIdFilters.includes(producerId)) &&
      (stateFilters.length === 0 || stateFilters.includes(state)) &&
      (durationFilter < 0 || now - startedAt > durationFilter) &&
      pattern.test(transactionalId)
    );
    return {
      unknownStateFilters: stateFilters.filter((state) => !KNOWN.has(state)),
      transactionStates: listed.map(({ transactionalId, producerId, state }) => ({
        transactionalId,
        producerId,
        transactionState: state,
      })),
    };
  },
});

/** A pattern for the whole id; undefined if it is none. None given: anything. */
function wholePattern(pattern: string | null): RegExp | undefined {
  if (pattern === null || pattern === "") return /^/;
  try {
    return new RegExp(`^(?:${pattern})$`, "s");
  } catch {
    return undefined;
  }
}
