import { Buffer } from "node:buffer";
import { WireError } from "../../wire/errors.ts";

const PRODUCE = 0;
/** What a TLS connection begins with: a record of a handshake, of version 3. */
const TLS_HANDSHAKE = 0x1603;

/** The most bytes a request may have: only Produce carries data, so that others cannot be used to take memory. */
export interface FrameLimits {
  readonly produce: number;
  readonly other: number;
}

/** Cuts a connection's bytes into requests: each a length of four bytes, and as many bytes. */
export class Frames {
  readonly #limits: FrameLimits;
  readonly #head = new Uint8Array(6); // the length and the API key, which says how long it may be
  #headSize = 0;
  #frame: Uint8Array | null = null;
  #filled = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** Whether a request has begun and is not complete. */
  get isPartial(): boolean {
    return this.#headSize > 0;
  }

  /** Takes what has come in and calls `emit` with each request that is complete. Throws `WireError` for a bad length. */
  push(bytes: Uint8Array, emit: (frame: Uint8Array) => void): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#headSize === 0) {
        const whole = this.#wholeFrame(bytes, at);
        if (whole !== null) {
          at += 4 + whole.length;
          emit(whole);
          continue;
        }
      }
      at = this.#fill(bytes, at);
      if (this.#frame !== null && this.#filled === this.#frame.length) {
        const frame = this.#frame;
        this.#frame = null;
        this.#headSize = this.#filled = 0;
        emit(frame);
      }
    }
  }

  /** A request that lies in one piece: a view of it, not a copy. */
  #wholeFrame(bytes: Uint8Array, at: number): Uint8Array | null {
    if (bytes.length - at < 6) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, 6);
    const size = this.#check(view);
    return bytes.length - at - 4 < size ? null : bytes.subarray(at + 4, at + 4 + size);
  }

  #fill(bytes: Uint8Array, at: number): number {
    while (this.#headSize < 6 && at < bytes.length) this.#head[this.#headSize++] = bytes[at++] ?? 0;
    if (this.#headSize < 6) return at;
    if (this.#frame === null) {
      this.#frame = Buffer.allocUnsafeSlow(this.#check(new DataView(this.#head.buffer))); // filled before it is emitted
      this.#frame.set(this.#head.subarray(4));
      this.#filled = 2;
    }
    const size = Math.min(this.#frame.length - this.#filled, bytes.length - at);
    this.#frame.set(bytes.subarray(at, at + size), this.#filled);
    this.#filled += size;
    return at + size;
  }

  #check(head: DataView): number {
    const size = head.getInt32(0);
    const key = head.getInt16(4);
    const limit = key === PRODUCE ? this.#limits.produce : this.#limits.other;
    // A header takes ten bytes at least.
    if (size >>> 16 === TLS_HANDSHAKE) throw new WireError("the beginning of TLS, which this broker does not speak");
    if (size < 10 || size > limit) throw new WireError(`a request of ${size} bytes (key ${key}; at most ${limit})`);
    return size;
  }
}
