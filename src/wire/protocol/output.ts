import { Writer } from "../writer.ts";

/**
 * A message as it is written: pieces in a row, so that record batches go from the log to the socket without being
 * copied into the message.
 */
export class Output {
  /** What the next field is written to; another one after each `piece`. */
  writer: Writer;
  readonly #pieces: Uint8Array[] = [];

  constructor(capacity?: number) {
    this.writer = new Writer(capacity);
  }

  /** Adds bytes that are not copied: they must not change before they have been sent. */
  piece(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.writer.length > 0) this.#pieces.push(this.writer.finish());
    this.#pieces.push(bytes);
    this.writer = new Writer();
  }

  finish(): Uint8Array[] {
    if (this.writer.length > 0) this.#pieces.push(this.writer.finish());
    return this.#pieces;
  }
}
