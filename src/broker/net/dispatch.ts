import { type Logger, silent } from "../../core/logger.ts";
import { WireError } from "../../wire/errors.ts";
import { Reader } from "../../wire/reader.ts";
import type { BrokerServices } from "../services.ts";
import type { Read, Struct, Write } from "../../wire/protocol/fields.ts";
import { readRequestHeader, type RequestHeader } from "../../wire/protocol/header.ts";
import { Output } from "../../wire/protocol/output.ts";
import { messageReader, nearestInt64 } from "../../wire/protocol/read.ts";
import { messageWriter, sizeOf } from "../../wire/protocol/write.ts";
import type { AnyApi, Context } from "../requests/api.ts";
import { notServed } from "../requests/not-served.ts";

const API_VERSIONS = 18;

/** A request that has been read: it is begun by calling it, and resolves with the answer's bytes or null for none. */
export type Task = (broker: BrokerServices) => Promise<Uint8Array[] | null>;

/** What is not served is told apart from broken bytes: both close the connection, as Kafka does. */
export class UnsupportedRequestError extends Error {
  override name = "UnsupportedRequestError";
}

interface Codec {
  read(reader: Reader): Read<Struct>;
  write(out: Output, message: Write<Struct>): void;
}

/** Finds who serves a request by its header, reads it and writes the answer. */
export class Dispatcher {
  readonly #apis: ReadonlyMap<number, AnyApi>;
  readonly #codecs = new Map<number, Codec>();
  readonly #logger: Logger;

  constructor(apis: readonly AnyApi[], logger: Logger = silent) {
    this.#apis = new Map(apis.map((api) => [api.key, api]));
    this.#logger = logger;
  }

  /** Throws `WireError` or `UnsupportedRequestError`. */
  read(frame: Uint8Array, who: Omit<Context, "version" | "clientId">): Task {
    const reader = new Reader(frame);
    const header = readRequestHeader(reader);
    const { apiKey, apiVersion, clientId } = header;
    const api = this.#apis.get(apiKey);
    if (api === undefined) {
      const known = notServed.get(apiKey);
      throw new UnsupportedRequestError(
        known === undefined
          ? `request ${apiKey} (version ${apiVersion}) is not served`
          : `${known.name} (client ${JSON.stringify(clientId)}) is not served; ${known.advice}`,
      );
    }
    const [min, max] = api.versions;
    if (apiVersion < min || apiVersion > max) {
      // A client that is newer than the broker must be able to find out (KIP-511): answered in version 0.
      if (apiKey === API_VERSIONS) {
        return this.#task(api, { ...header, apiVersion: 0 }, null, { ...who, version: -1, clientId });
      }
      throw new UnsupportedRequestError(
        `${api.name} version ${apiVersion} is not served, only ${min} to ${max} (client ${JSON.stringify(clientId)})`,
      );
    }
    const flexible = apiVersion >= api.flexibleFrom;
    if (flexible) reader.skipTaggedFields();
    try {
      const request = this.#codec(api, apiVersion).read(reader);
      // librdkafka leaves some behind a Metadata of all topics; Kafka does not look at them.
      if (reader.remaining > 0) {
        this.#logger.debug(
          `${who.clientHost} (${clientId}): ${reader.remaining} bytes after ${api.name} version ${apiVersion} are ignored`,
        );
      }
      return this.#task(api, header, request, { ...who, version: apiVersion, clientId });
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new WireError(`${api.name} version ${apiVersion}: ${error.message}`, { cause: error });
    }
  }

  #task(api: AnyApi, header: RequestHeader, request: Read<Struct> | null, context: Context): Task {
    return async (broker) => {
      const answer = await api.handle(broker, request as never, context); // the codec's edge
      return answer === null ? null : this.#answer(api, header, answer as Write<Struct>);
    };
  }

  #answer(api: AnyApi, { apiVersion, correlationId }: RequestHeader, message: Write<Struct>): Uint8Array[] {
    const out = new Output();
    out.writer.int32(0).int32(correlationId);
    // An answer to ApiVersions has the old header in every version: whoever asks does not know the broker yet.
    if (apiVersion >= api.flexibleFrom && api.key !== API_VERSIONS) out.writer.noTaggedFields();
    this.#codec(api, apiVersion).write(out, message);
    const pieces = out.finish();
    const [first] = pieces;
    if (first !== undefined) new DataView(first.buffer, first.byteOffset).setInt32(0, sizeOf(pieces) - 4);
    return pieces;
  }

  #codec(api: AnyApi, version: number): Codec {
    const key = api.key * 1000 + version;
    let codec = this.#codecs.get(key);
    if (codec === undefined) {
      const flexible = version >= api.flexibleFrom;
      codec = {
        // A client may ask for any offset or timestamp; one that cannot be is no reason to close its connection.
        read: messageReader(api.request, version, flexible, nearestInt64),
        write: messageWriter(api.response, version, flexible),
      };
      this.#codecs.set(key, codec);
    }
    return codec;
  }
}
