/*
 * Slicing-by-16: one table for each of 16 bytes, so that their look-ups do not wait for each other, and aligned 32-bit
 * loads through an Int32Array (little endian, as is every machine that runs Bun, Deno or Node today).
 *
 * Measured on one core, GB/s on Node 24 / Bun / Deno, batches of 16 kB and more: byte loads and 8 tables 1.3 / 1.8 / 1.3;
 * byte loads and 16 tables 1.5 / 2.1 / 1.4; this 2.0 / 2.5 / 1.9; the same loop in WebAssembly, the copying in included,
 * 2.2 / 2.2 / 2.3. WebAssembly would have to be 1.5 times as fast to be worth a second language.
 */
const POLYNOMIAL = 0x82f63b78; // Castagnoli's, its bits reversed

// TABLES[s][b]: what byte b leaves in the checksum once s more bytes have gone by.
const [T0, T1, T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T14, T15] = makeTables();

type Table = Int32Array;
// deno-fmt-ignore
type Tables = [Table, Table, Table, Table, Table, Table, Table, Table, Table, Table, Table, Table, Table, Table, Table, Table];

function makeTables(): Tables {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  const tables: Table[] = [first];
  for (let previous = first; tables.length < 16;) {
    previous = previous.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] as number));
    tables.push(previous);
  }
  return tables as Tables;
}

/**
 * The CRC32C of `bytes[start, end)` as an unsigned integer: the checksum in a record batch.
 * `"123456789"` has 0xe3069283.
 */
export function crc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const aligned = Math.min(end, start + (-(bytes.byteOffset + start) & 3));
  let crc = update(-1, bytes, start, aligned);
  const blocks = (end - aligned) >>> 4;
  if (blocks > 0) crc = updateBlocks(crc, new Int32Array(bytes.buffer, bytes.byteOffset + aligned, blocks * 4));
  return ~update(crc, bytes, aligned + blocks * 16, end) >>> 0;
}

function update(crc: number, bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    crc = (T0[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return crc;
}

// `as number`: the masks keep every index in range.
function updateBlocks(crc: number, words: Int32Array): number {
  for (let i = 0; i < words.length; i += 4) {
    const a = (words[i] as number) ^ crc;
    const b = words[i + 1] as number;
    const c = words[i + 2] as number;
    const d = words[i + 3] as number;
    crc = (T15[a & 0xff] as number) ^ (T14[(a >>> 8) & 0xff] as number) ^
      (T13[(a >>> 16) & 0xff] as number) ^ (T12[a >>> 24] as number) ^
      (T11[b & 0xff] as number) ^ (T10[(b >>> 8) & 0xff] as number) ^
      (T9[(b >>> 16) & 0xff] as number) ^ (T8[b >>> 24] as number) ^
      (T7[c & 0xff] as number) ^ (T6[(c >>> 8) & 0xff] as number) ^
      (T5[(c >>> 16) & 0xff] as number) ^ (T4[c >>> 24] as number) ^
      (T3[d & 0xff] as number) ^ (T2[(d >>> 8) & 0xff] as number) ^
      (T1[(d >>> 16) & 0xff] as number) ^ (T0[d >>> 24] as number);
  }
  return crc;
}
