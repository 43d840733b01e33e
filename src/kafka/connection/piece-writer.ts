import type { Socket } from "node:net";
import { progressOf } from "./progress.ts";

/** What is handed to the system at a time: by this a slow line shows that something moves. */
const PIECE_BYTES = 128 << 10;

/**
 * Writes requests to a socket, large ones piece by piece, the next when the system has taken the one before: a request that
 * goes out slowly is one on which something moves.
 */
class PieceWriter {
  readonly #socket: Socket;
  readonly #waiting: Uint8Array[] = [];
  #writing = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(header: Uint8Array, body: Uint8Array): void {
    if (!this.#writing && body.length <= PIECE_BYTES) {
      this.#socket.cork();
      this.#socket.write(header);
      this.#socket.write(body);
      this.#socket.uncork();
      return;
    }
    this.#waiting.push(header);
    for (let at = 0; at < body.length; at += PIECE_BYTES) this.#waiting.push(body.subarray(at, at + PIECE_BYTES));
    if (!this.#writing) this.#next();
  }

  readonly #next = (): void => {
    const piece = this.#waiting.shift();
    this.#writing = piece !== undefined;
    if (piece === undefined) return;
    this.#socket.write(piece, (error) => {
      if (error) return;
      const progress = progressOf(this.#socket);
      if (progress) progress.at = progress.on = progress.clock.monotonic();
      this.#next();
    });
  };
}

const writers = new WeakMap<Socket, PieceWriter>();

/** The one that all requests of a socket are written by. */
export function writerTo(socket: Socket | undefined): PieceWriter | undefined {
  if (socket === undefined) return undefined;
  let writer = writers.get(socket);
  if (writer === undefined) writers.set(socket, writer = new PieceWriter(socket));
  return writer;
}
