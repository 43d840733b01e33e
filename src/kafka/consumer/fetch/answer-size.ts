/** The first answer is asked to be of this size: on a slow line a large one would be long in coming. */
const FIRST_BYTES = 256 << 10;
/** As far as the line's rate says so, an answer takes no longer than this to come in. */
const TRANSFER_MS = 1000;

/**
 * How many bytes to ask for at a time: more after each answer that was full, as many as come in a second at the most, and half as many after each that did not come. So a slow line has something to hand out soon, and loses little.
 */
export class AnswerSize {
  readonly #least: number;
  readonly #most: number;
  #bytes: number;

  constructor(least: number, most: number) {
    this.#least = least;
    this.#most = most;
    this.#bytes = Math.min(FIRST_BYTES, most);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** An answer of so many bytes has come; `bytesPerSecond`: how fast the line is, where that is known. */
  came(bytes: number, bytesPerSecond: number | undefined): void {
    // On a line that is fast and far each step would take a round trip.
    const times = bytes < this.#bytes / 2 ? 1 : bytesPerSecond === undefined ? 2 : 8;
    const grown = this.#bytes * times;
    const most = bytesPerSecond === undefined ? this.#most : bytesPerSecond / 1000 * TRANSFER_MS;
    this.#set(Math.min(grown, most));
  }

  /** One did not come. */
  lost(): void {
    this.#set(this.#bytes / 2);
  }

  #set(bytes: number): void {
    this.#bytes = Math.floor(Math.max(this.#least, Math.min(bytes, this.#most)));
  }
}
