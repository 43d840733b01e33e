import { WireError } from "./errors.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const WORD = 2 ** 32;

/**
 * Reads the primitive types of Kafka's protocol from a slice of bytes, front to back; the counterpart of `Writer`.
 *
 * Every read is checked against the end first, and an array's length against the bytes that are left, so that broken or
 * hostile bytes cost a `WireError` and neither memory nor time. Byte fields are views of the input, not copies.
 */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  int8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** An int64 that is a safe integer; anything else is a `WireError`. */
  int64(): number {
    const at = this.#take(8);
    const value = this.#view.getInt32(at) * WORD + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new WireError(`the int64 at byte ${at} is beyond the safe integers`);
    return value;
  }

  /** At most 32 bits in at most five bytes. */
  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#view.getUint8(this.#take(1));
      if (shift === 28 && byte > 0x0f) break;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new WireError(`the varint before byte ${this.#at} is longer than 32 bits`);
  }

  /** 16 bytes as 32 lower-case hexadecimal digits. */
  uuid(): string {
    let hex = "";
    for (let word = 0; word < 4; word++) hex += this.#view.getUint32(this.#take(4)).toString(16).padStart(8, "0");
    return hex;
  }

  string(): string {
    return this.#notNull(this.nullableString());
  }

  nullableString(): string | null {
    return this.#text(this.int16());
  }

  compactString(): string {
    return this.#notNull(this.compactNullableString());
  }

  compactNullableString(): string | null {
    return this.#text(this.unsignedVarint() - 1);
  }

  bytes(): Uint8Array {
    return this.#notNull(this.nullableBytes());
  }

  nullableBytes(): Uint8Array | null {
    return this.#slice(this.int32());
  }

  compactBytes(): Uint8Array {
    return this.#notNull(this.compactNullableBytes());
  }

  compactNullableBytes(): Uint8Array | null {
    return this.#slice(this.unsignedVarint() - 1);
  }

  array<T>(read: () => T): T[] {
    return this.#notNull(this.nullableArray(read));
  }

  nullableArray<T>(read: () => T): T[] | null {
    return this.#items(this.int32(), read);
  }

  compactArray<T>(read: () => T): T[] {
    return this.#notNull(this.compactNullableArray(read));
  }

  compactNullableArray<T>(read: () => T): T[] | null {
    return this.#items(this.unsignedVarint() - 1, read);
  }

  /** Bytes as they are, without a length; the counterpart of `Writer.raw`. */
  raw(size: number): Uint8Array {
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  /** Steps over the tagged fields that end a struct of a flexible version (KIP-482): those we know nothing of. */
  skipTaggedFields(): void {
    this.taggedFields(() => {});
  }

  /** Reads the tagged fields that end a struct of a flexible version; each by a reader of its own. */
  taggedFields(read: (tag: number, field: Reader) => void): void {
    for (let left = this.unsignedVarint(); left > 0; left--) {
      const tag = this.unsignedVarint();
      read(tag, new Reader(this.raw(this.unsignedVarint())));
    }
  }

  #take(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) {
      throw new WireError(`${size} bytes wanted at byte ${at}, but ${this.#bytes.length - at} are left`);
    }
    this.#at = at + size;
    return at;
  }

  #slice(length: number): Uint8Array | null {
    if (length < -1) throw new WireError(`a length of ${length} before byte ${this.#at}`);
    if (length === -1) return null;
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  #text(length: number): string | null {
    const bytes = this.#slice(length);
    return bytes === null ? null : utf8.decode(bytes);
  }

  #items<T>(length: number, read: () => T): T[] | null {
    if (length < -1) throw new WireError(`an array of ${length} elements before byte ${this.#at}`);
    if (length === -1) return null;
    // No element of the protocol takes less than a byte.
    if (length > this.remaining) throw new WireError(`an array of ${length} elements in ${this.remaining} bytes`);
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(read());
    return items;
  }

  #notNull<T>(value: T | null): T {
    if (value === null) throw new WireError(`null before byte ${this.#at} in a field that cannot be null`);
    return value;
  }
}
