import { Buffer } from "node:buffer";
import type { Broker } from "../../src/broker/broker.ts";
import { Dispatcher } from "../../src/broker/net/dispatch.ts";
import type { Read, Struct, Write } from "../../src/wire/protocol/fields.ts";
import type { Api } from "../../src/broker/requests/api.ts";
import { Reader } from "../../src/wire/reader.ts";
import { encodeRequest, readWhole } from "./wire-client.ts";

/** Sends requests to a broker of this process without a connection: an answer is there as soon as the broker gives it. */
export function directClient(broker: Broker) {
  const dispatcher = new Dispatcher(broker.apis);
  const who = { clientHost: "", connectionId: 1, signal: new AbortController().signal, release() {} };
  return async <Q extends Struct, A extends Struct>(
    api: Api<Q, A>,
    version: number,
    request: Write<Q>,
  ): Promise<Read<A>> => {
    const pieces = await dispatcher.read(encodeRequest(api, version, request).subarray(4), who)(broker);
    const reader = new Reader(Buffer.concat(pieces ?? []).subarray(8));
    const flexible = version >= api.flexibleFrom;
    if (flexible) reader.skipTaggedFields();
    return readWhole(api.response, version, flexible, reader);
  };
}

export type DirectClient = ReturnType<typeof directClient>;
