/**
 * Variable-length integers as in Protocol Buffers: seven bits a byte, the lowest first, the top bit says "more follows".
 * Signed ones are zig-zag encoded (0, -1, 1, -2 become 0, 1, 2, 3), so that small negative numbers stay short.
 *
 * The functions that write and measure here are those of a record (KIP-98); reading is part of each hot loop.
 */

/** Zig-zag form of a 32-bit integer, as an unsigned one. */
export function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

/** Bytes that {@link writeUnsignedVarint} takes for an unsigned 32-bit integer. */
export function sizeOfUnsignedVarint(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** Writes an unsigned 32-bit integer at `at` and returns the position after it (at most five bytes on). */
export function writeUnsignedVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value > 0x7f) {
    bytes[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  bytes[at++] = value;
  return at;
}

/** Bytes that {@link writeVarlong} takes. */
export function sizeOfVarlong(value: number): number {
  if (value === (value | 0)) return sizeOfUnsignedVarint(zigzag(value));
  let size = 1;
  for (let rest = value < 0 ? -value - 0.5 : value; rest >= 0x40; rest /= 0x80) size++;
  return size;
}

/** Writes a signed safe integer at `at` and returns the position after it (at most eight bytes on). */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeUnsignedVarint(bytes, at, zigzag(value));
  let rest = zigzagBig(value);
  while (rest > 0x7fn) {
    bytes[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  bytes[at++] = Number(rest);
  return at;
}

// A timestamp more than 24 days from its batch's: rare enough for a BigInt, which a double of 53 bits doubled needs.
function zigzagBig(value: number): bigint {
  return value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value);
}
