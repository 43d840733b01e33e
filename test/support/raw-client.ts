import { connect, type Socket } from "node:net";
import type { Read, Struct, Write } from "../../src/broker/protocol/fields.ts";
import { Output } from "../../src/broker/protocol/output.ts";
import { messageReader } from "../../src/broker/protocol/read.ts";
import { messageWriter } from "../../src/broker/protocol/write.ts";
import type { Api } from "../../src/broker/requests/api.ts";
import { Reader } from "../../src/wire/reader.ts";

type Waiting = { resolve: (answer: Uint8Array) => void; reject: (error: Error) => void };

/** One connection that sends any request in any version, by the tables of the broker, and gives the answer decoded. */
export class RawClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #received = new Uint8Array(0);
  #id = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Uint8Array) => this.#receive(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the connection is closed"));
    });
  }

  static open(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.setNoDelay(true);
        resolve(new RawClient(socket));
      });
      socket.once("error", reject);
    });
  }

  async send<Q extends Struct, A extends Struct>(api: Api<Q, A>, version: number, message: Write<Q>): Promise<Read<A>> {
    const flexible = version >= api.flexibleFrom;
    const id = ++this.#id;
    const out = new Output();
    out.writer.int32(0).int16(api.key).int16(version).int32(id).string("raw");
    if (flexible) out.writer.noTaggedFields();
    messageWriter(api.request, version, flexible)(out, message);
    const pieces = out.finish().map((piece) => piece.slice());
    const [first = new Uint8Array(4)] = pieces;
    new DataView(first.buffer).setInt32(0, pieces.reduce((sum, piece) => sum + piece.length, -4));
    const answer = new Promise<Uint8Array>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    for (const piece of pieces) this.#socket.write(piece);
    const reader = new Reader(await answer);
    if (flexible && api.key !== 18) reader.skipTaggedFields();
    return messageReader(api.response, version, flexible)(reader);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#received.length + bytes.length);
    all.set(this.#received);
    all.set(bytes, this.#received.length);
    let at = 0;
    while (all.length - at >= 8) {
      const view = new DataView(all.buffer, at);
      const end = at + 4 + view.getInt32(0);
      if (end > all.length) break;
      const id = view.getInt32(4);
      this.#waiting.get(id)?.resolve(all.slice(at + 8, end));
      this.#waiting.delete(id);
      at = end;
    }
    this.#received = all.slice(at);
  }
}
