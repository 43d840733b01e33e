import { WireError } from "./errors.ts";
import { writeUnsignedVarint } from "./varint.ts";

const utf8 = new TextEncoder();
const WORD = 2 ** 32;

/**
 * A growing buffer with the primitive types of Kafka's protocol (big endian). The classic form of a length is an int16
 * or int32 with -1 for null; the compact form, of "flexible" API versions (KIP-482), is an unsigned varint of the
 * length + 1 with 0 for null. Every method returns the writer, so that calls can be chained in the order of the fields.
 *
 * Throws `WireError` for a value that its type cannot carry: an unsafe integer, a string longer than 32,767 bytes.
 */
export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  /** `capacity`: bytes to begin with; with the right guess nothing is ever copied twice. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#at;
  }

  /** What was written: a view, valid until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  int8(value: number): this {
    const at = this.#claim(1);
    this.#view.setInt8(at, value);
    return this;
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  int16(value: number): this {
    const at = this.#claim(2);
    this.#view.setInt16(at, value);
    return this;
  }

  int32(value: number): this {
    const at = this.#claim(4);
    this.#view.setInt32(at, value);
    return this;
  }

  /** A safe integer: offsets, timestamps and producer ids are numbers everywhere. */
  int64(value: number): this {
    if (!Number.isSafeInteger(value)) throw new WireError(`${value} is not a safe integer, so not an int64 here`);
    const at = this.#claim(8);
    this.#view.setInt32(at, Math.floor(value / WORD));
    this.#view.setUint32(at + 4, value >>> 0);
    return this;
  }

  unsignedVarint(value: number): this {
    const at = this.#claim(5);
    this.#at = writeUnsignedVarint(this.#bytes, at, value);
    return this;
  }

  /** 16 bytes, from 32 hexadecimal digits. */
  uuid(hex: string): this {
    if (!/^[0-9a-f]{32}$/i.test(hex)) throw new WireError(`"${hex}" is not a uuid of 32 hexadecimal digits`);
    for (let i = 0; i < 32; i += 8) this.int32(Number.parseInt(hex.slice(i, i + 8), 16) | 0);
    return this;
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): this {
    const at = this.#claim(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  string(value: string): this {
    const bytes = utf8.encode(value);
    if (bytes.length > 0x7fff) throw new WireError(`a string of ${bytes.length} bytes is longer than 32767`);
    return this.int16(bytes.length).raw(bytes);
  }

  nullableString(value: string | null): this {
    return value === null ? this.int16(-1) : this.string(value);
  }

  compactString(value: string): this {
    const bytes = utf8.encode(value);
    return this.unsignedVarint(bytes.length + 1).raw(bytes);
  }

  compactNullableString(value: string | null): this {
    return value === null ? this.unsignedVarint(0) : this.compactString(value);
  }

  bytes(value: Uint8Array): this {
    return this.int32(value.length).raw(value);
  }

  nullableBytes(value: Uint8Array | null): this {
    return value === null ? this.int32(-1) : this.bytes(value);
  }

  compactBytes(value: Uint8Array): this {
    return this.unsignedVarint(value.length + 1).raw(value);
  }

  compactNullableBytes(value: Uint8Array | null): this {
    return value === null ? this.unsignedVarint(0) : this.compactBytes(value);
  }

  array<T>(items: readonly T[], write: (item: T) => unknown): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  nullableArray<T>(items: readonly T[] | null, write: (item: T) => unknown): this {
    return items === null ? this.int32(-1) : this.array(items, write);
  }

  compactArray<T>(items: readonly T[], write: (item: T) => unknown): this {
    this.unsignedVarint(items.length + 1);
    for (const item of items) write(item);
    return this;
  }

  compactNullableArray<T>(items: readonly T[] | null, write: (item: T) => unknown): this {
    return items === null ? this.unsignedVarint(0) : this.compactArray(items, write);
  }

  /** The tagged fields that end every struct of a flexible version: none. */
  noTaggedFields(): this {
    return this.unsignedVarint(0);
  }

  // Before the view or the bytes are used, since it may replace both.
  #claim(size: number): number {
    const at = this.#at;
    const end = at + size;
    if (end > this.#bytes.length) this.#grow(end);
    this.#at = end;
    return at;
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
