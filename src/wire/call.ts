import { WireError } from "./errors.ts";
import type { Read, Struct, Write } from "./protocol/fields.ts";
import type { Message } from "./protocol/message.ts";
import { Output } from "./protocol/output.ts";
import { messageReader } from "./protocol/read.ts";
import { messageWriter } from "./protocol/write.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/** One request to a broker and how its answer is read; whoever owns the connection adds the headers' other fields. */
export interface Call<T> {
  readonly apiKey: number;
  readonly apiName: string;
  readonly apiVersion: number;
  /**
   * What follows the client id of a request header v1. In a flexible version that begins with the header's own tagged
   * fields (none), which makes it a header v2.
   */
  encode(): Uint8Array;
  /**
   * Reads what follows the correlation id of the answer; byte fields are views of it. Throws `WireError` for an answer
   * that is cut short or makes no sense. An error code in it is a value.
   */
  decode(body: Uint8Array): T;
}

export interface CallOptions<T> {
  readonly apiKey: number;
  readonly apiName: string;
  readonly apiVersion: number;
  /** Whether this version has compact lengths and tagged fields (KIP-482). */
  readonly flexible?: boolean;
  /** Whether the answer's header has no tagged fields all the same: that of ApiVersions, which any client can read. */
  readonly plainAnswer?: boolean;
  /** A guess at the request's size in bytes, where the usual 256 would be far off. */
  readonly capacity?: number;
  readonly write: (writer: Writer) => unknown;
  readonly read: (reader: Reader) => T;
}

/** Makes a call of how its body is written and its answer's read, without the tagged fields at the start and the end. */
export function makeCall<T>(options: CallOptions<T>): Call<T> {
  const { apiKey, apiName, apiVersion, flexible = false, plainAnswer = false, capacity, write, read } = options;
  // An answer with a plain header reads the tagged fields at its end itself: they are why it is flexible.
  const hasTags = flexible && !plainAnswer;
  return {
    apiKey,
    apiName,
    apiVersion,
    encode() {
      const writer = new Writer(capacity);
      if (flexible) writer.noTaggedFields();
      write(writer);
      if (flexible) writer.noTaggedFields();
      return writer.finish();
    },
    decode: answerDecoder(apiName, hasTags, (reader) => {
      const answer = read(reader);
      if (hasTags) reader.skipTaggedFields();
      return answer;
    }),
  };
}

/** How the calls of a message are made in one of its versions: both ways by its table. */
export function tableCalls<Q extends Struct, A extends Struct>(
  message: Message<Q, A>,
  apiVersion: number,
): (request: Write<Q>) => Call<Read<A>> {
  const { key, name } = message;
  const flexible = apiVersion >= message.flexibleFrom;
  const write = messageWriter(message.request, apiVersion, flexible);
  const decode = answerDecoder(name, flexible, messageReader(message.response, apiVersion, flexible));
  return (request) => ({
    apiKey: key,
    apiName: name,
    apiVersion,
    encode() {
      const out = new Output();
      if (flexible) out.writer.noTaggedFields();
      write(out, request);
      const [whole = new Uint8Array(0)] = out.finish(); // only record batches are pieces of their own
      return whole;
    },
    decode,
  });
}

/** Reads a whole answer; `hasTags`: its header ends with tagged fields. */
function answerDecoder<T>(apiName: string, hasTags: boolean, read: (reader: Reader) => T): (body: Uint8Array) => T {
  return (body) => {
    const reader = new Reader(body);
    if (hasTags) reader.skipTaggedFields();
    const answer = read(reader);
    if (reader.remaining > 0) throw new WireError(`${reader.remaining} bytes too many after an answer to ${apiName}`);
    return answer;
  };
}
