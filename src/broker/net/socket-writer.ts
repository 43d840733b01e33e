import type { Socket } from "node:net";

/** What is smaller is copied together: one write for an answer that is mostly fields. */
const COPIED_BYTES = 16 * 1024;
const LARGEST_COPY_BYTES = 256 * 1024;

/**
 * The answers that a client has not been sent yet. They are written one by one, the next when the system has taken the
 * one before: of what waits in a socket Bun makes one copy, and another one of what the system did not take.
 */
export class SocketWriter {
  readonly #socket: Pick<Socket, "write">;
  readonly #sent: () => void;
  #pieces: Uint8Array[] = [];
  #next = 0;
  #size = 0;
  #isWriting = false;

  /** `sent` is called whenever the system has taken some. */
  constructor(socket: Pick<Socket, "write">, sent: () => void) {
    this.#socket = socket;
    this.#sent = sent;
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** Adds pieces, which are not copied: they must not change before they are sent. */
  add(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#size += piece.length;
    }
  }

  /** Begins to send what is there. */
  flush(): void {
    if (this.#isWriting) return;
    const bytes = this.#take();
    if (bytes === undefined) return;
    this.#isWriting = true;
    this.#socket.write(bytes, (error) => {
      if (error) return; // the connection is at its end
      this.#isWriting = false;
      this.#size = Math.max(this.#size - bytes.length, 0);
      this.flush();
      this.#sent();
    });
  }

  /** Forgets all that is not being written. */
  clear(): void {
    this.#pieces = [];
    this.#next = this.#size = 0;
  }

  /** What is written next: a large piece, or a part of one, as it is; small ones together. */
  #take(): Uint8Array | undefined {
    const first = this.#pieces[this.#next];
    if (first === undefined) {
      this.#pieces = [];
      this.#next = 0;
      return undefined;
    }
    if (first.length > LARGEST_COPY_BYTES) {
      this.#pieces[this.#next] = first.subarray(LARGEST_COPY_BYTES);
      return first.subarray(0, LARGEST_COPY_BYTES);
    }
    let end = this.#next + 1;
    let size = first.length;
    for (
      let next = this.#pieces[end];
      next !== undefined && size + next.length <= COPIED_BYTES;
      next = this.#pieces[++end]
    ) {
      size += next.length;
    }
    const pieces = this.#pieces.slice(this.#next, end);
    this.#next = end;
    return pieces.length === 1 ? first : join(pieces, size);
  }
}

function join(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const joined = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
