import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { Reader } from "../../src/wire/reader.ts";
import type { Read, Struct, Write } from "../../src/wire/protocol/fields.ts";
import { Output } from "../../src/wire/protocol/output.ts";
import { messageReader } from "../../src/wire/protocol/read.ts";
import { messageWriter } from "../../src/wire/protocol/write.ts";
import type { Api } from "../../src/broker/requests/api.ts";

/** A connection on which requests are sent as they are wanted, good or bad; a broker answers in their order. */
export interface WireClient {
  /** Sends a request of a version, with `behind` it if given, and reads its answer. */
  call<Q extends Struct, A extends Struct>(
    api: Api<Q, A>,
    version: number,
    request: Write<Q>,
    behind?: Uint8Array,
  ): Promise<Read<A>>;
  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void;
  /** The next answer, without its length; null: the connection was closed instead. */
  next(): Promise<Buffer | null>;
  readonly socket: Socket;
  close(): void;
}

/** A request with its header and its length; `behind`: bytes after its body that do not belong there. */
export function encodeRequest<Q extends Struct>(
  api: { readonly key: number; readonly flexibleFrom: number; readonly request: Q },
  version: number,
  request: Write<Q>,
  correlationId = 1,
  behind: Uint8Array = new Uint8Array(0),
): Buffer {
  const out = new Output();
  out.writer.int32(0).int16(api.key).int16(version).int32(correlationId).nullableString("test");
  if (version >= api.flexibleFrom) out.writer.noTaggedFields();
  messageWriter(api.request, version, version >= api.flexibleFrom)(out, request);
  const bytes = Buffer.concat([...out.finish(), behind]);
  bytes.writeInt32BE(bytes.length - 4);
  return bytes;
}

/** Reads a message that ends where the bytes do. */
export function readWhole<S extends Struct>(table: S, version: number, flexible: boolean, reader: Reader): Read<S> {
  const message = messageReader(table, version, flexible)(reader);
  if (reader.remaining > 0) throw new Error(`${reader.remaining} bytes too many`);
  return message;
}

export async function wireClient(port: number): Promise<WireClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  let buffered = Buffer.alloc(0);
  let lastId = 0;
  let isClosed = false;
  const answers: Buffer[] = [];
  const waiting: ((answer: Buffer | null) => void)[] = [];
  socket.on("data", (bytes: Uint8Array) => {
    buffered = Buffer.concat([buffered, bytes]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE()) {
      const answer = buffered.subarray(4, 4 + buffered.readInt32BE());
      buffered = buffered.subarray(4 + answer.length);
      const first = waiting.shift();
      if (first === undefined) answers.push(answer);
      else first(answer);
    }
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
    for (const one of waiting.splice(0)) one(null);
  });
  const next = () => {
    const answer = answers.shift();
    if (answer !== undefined) return Promise.resolve(answer);
    return isClosed ? Promise.resolve(null) : new Promise<Buffer | null>((resolve) => waiting.push(resolve));
  };
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    next,
    close: () => void socket.destroy(),
    call: async (api, version, request, behind) => {
      const id = ++lastId;
      socket.write(encodeRequest(api, version, request, id, behind));
      const answer = await next();
      if (answer === null) throw new Error(`the connection was closed instead of an answer to ${api.name}`);
      const reader = new Reader(answer);
      const answered = reader.int32();
      if (answered !== id) throw new Error(`request ${id}, ${api.name}, got the answer to ${answered}`);
      const flexible = version >= api.flexibleFrom;
      if (flexible && api.key !== 18) reader.skipTaggedFields();
      return readWhole(api.response, version, flexible, reader);
    },
  };
}
