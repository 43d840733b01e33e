/** With less on its way than this it is not the size that is to blame. */
const LEAST_BYTES = 64 << 10;
/** From this on there is no limit again. */
const MOST_BYTES = 64 << 20;

/**
 * How much may be on its way to one broker: as much as there is, until it was so much that nothing was answered for too long,
 * then half of it, and twice as much after each answer. One batch always may.
 */
export class SendWindow {
  #limit = Infinity;
  #bytes = 0;
  /** Of what was on its way when it was halved, what has not been lost yet: it is the same loss. */
  #losing = 0;

  /** What is on its way. */
  get bytes(): number {
    return this.#bytes;
  }

  get isFull(): boolean {
    return this.#bytes > 0 && this.#bytes >= this.#limit;
  }

  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  answered(bytes: number): void {
    this.#bytes -= bytes;
    this.#losing = Math.max(0, this.#losing - bytes);
    this.#limit *= 2;
    if (this.#limit > MOST_BYTES) this.#limit = Infinity;
  }

  /** The connection is gone, with so much of it. */
  lost(bytes: number): void {
    this.#bytes -= bytes;
    this.#losing = Math.max(0, this.#losing - bytes);
  }

  /** Nothing was answered for too long; whether it may have been too much. */
  halve(): boolean {
    if (this.#bytes < LEAST_BYTES || this.#losing > 0) return false;
    this.#losing = this.#bytes;
    this.#limit = Math.max(LEAST_BYTES, Math.min(this.#bytes, this.#limit) / 2);
    return true;
  }
}
