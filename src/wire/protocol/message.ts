import type { Struct } from "./fields.ts";

/** A message of the protocol, request and answer: the one table that both ends of a connection read and write it by. */
export interface Message<Q extends Struct = Struct, A extends Struct = Struct> {
  readonly key: number;
  /** As in Kafka's documentation, without "Request". */
  readonly name: string;
  /** The first and the last version that are served. */
  readonly versions: readonly [first: number, last: number];
  /** The first version that is advertised, where it is an older one than is served. */
  readonly advertisedFrom?: number;
  /** The first version with compact lengths and tagged fields (KIP-482). */
  readonly flexibleFrom: number;
  readonly request: Q;
  readonly response: A;
}

/** Has the compiler take the types of a request and its answer from their tables. */
export function message<const Q extends Struct, const A extends Struct>(table: Message<Q, A>): Message<Q, A> {
  return table;
}
