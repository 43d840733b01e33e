import { listTransactions as message } from "../../wire/messages/66-list-transactions.ts";
import { Code } from "../../wire/error-codes.ts";
import { parsePattern, PatternError } from "../pattern.ts";
import { type Transaction, TRANSACTION_STATES } from "../transactions/transaction.ts";
import { api } from "./api.ts";

const KNOWN: ReadonlySet<string> = new Set(TRANSACTION_STATES);

export const listTransactions = api(
  message,
  (broker, { stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }) => {
    const [states, producerIds] = [new Set<string>(stateFilters), new Set(producerIdFilters)];
    const now = broker.clock.wall();
    const listed = [...broker.transactions.all()].filter(({ producerId, state, startedAt }) =>
      (producerIds.size === 0 || producerIds.has(producerId)) && (states.size === 0 || states.has(state)) &&
      (durationFilter < 0 || now - startedAt > durationFilter)
    );
    const matching = namedBy(transactionalIdPattern, listed);
    if (matching === undefined) return { errorCode: Code.INVALID_REGULAR_EXPRESSION, transactionStates: [] };
    return {
      unknownStateFilters: [...states].filter((state) => !KNOWN.has(state)),
      transactionStates: matching.map(({ transactionalId, producerId, state }) => ({
        transactionalId,
        producerId,
        transactionState: state,
      })),
    };
  },
);

/** Those whose whole ids a pattern matches, or all if there is none; undefined if it cannot be used. */
function namedBy(pattern: string | null, transactions: readonly Transaction[]): readonly Transaction[] | undefined {
  if (pattern === null || pattern === "") return transactions;
  try {
    const { matches } = parsePattern(pattern);
    return transactions.filter(({ transactionalId }) => matches(transactionalId));
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}
