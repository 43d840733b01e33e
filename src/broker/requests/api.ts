import type { Read, Struct, Write } from "../../wire/protocol/fields.ts";
import type { Message } from "../../wire/protocol/message.ts";
import type { BrokerServices } from "../services.ts";

/** Who asks, and in which version. */
export interface Context {
  readonly version: number;
  readonly clientId: string | null;
  /** The client's address, without its port. */
  readonly clientHost: string;
  /** A number of its own for each connection. */
  readonly connectionId: number;
  /** Aborted when the connection is gone: what still waits for it need not be answered. */
  readonly signal: AbortSignal;
  /** Lets the connection's next request begin while this one waits to be answered; the answers stay in order. */
  release(): void;
}

/**
 * A request that the broker serves, in a file of its own that is named by its key.
 *
 * `handle` is called in the order of the requests of a connection, and the next one of that connection only once it has
 * answered, as in Kafka, or has called `release`. What it throws closes the connection, so an error that the protocol has a code for is a value.
 */
export interface Api<Q extends Struct = Struct, A extends Struct = Struct> extends Message<Q, A> {
  /** `null`: nothing is answered. */
  handle(
    broker: BrokerServices,
    request: Read<Q>,
    context: Context,
  ): Write<A> | null | Promise<Write<A> | null>;
}

/** An `Api` of whatever tables: what the dispatcher holds. */
export type AnyApi = Omit<Api, "handle"> & {
  handle(broker: BrokerServices, request: never, context: Context): unknown;
};

/** A message that the broker serves, and how. */
export function api<Q extends Struct, A extends Struct>(
  message: Message<Q, A>,
  handle: Api<Q, A>["handle"],
): Api<Q, A> {
  return { ...message, handle };
}
