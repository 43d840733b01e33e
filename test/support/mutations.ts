import { Buffer } from "node:buffer";
import type { Shape, Struct } from "../../src/wire/protocol/fields.ts";
import { below, type Chance, oneOf } from "./random.ts";
import type { Message } from "./sample-requests.ts";

/** The most bytes that a repeated item may take all together: less than a request may have. */
const REPEATED_BYTES = 1_000_000;

const NUMBERS = [-1, -2, -(2 ** 31), 0, 1, 2, 127, 32_767, 65_536, 2 ** 31 - 1, Number.MAX_SAFE_INTEGER];
const TEXTS = [
  "",
  "\0",
  "..",
  "../../etc",
  "x".repeat(249),
  "x".repeat(32_000),
  "__consumer_offsets",
  "(x+x+)+y",
  "(",
  "é😀",
  "constructor",
  "__proto__",
];

/**
 * Changes a message within what its table can say: values that make no sense, very many of one item, none at all. What
 * its version cannot write is found out by the codec.
 */
export function mutateMessage(table: Struct, message: Message, chance: Chance): void {
  for (let changes = 1 + below(chance, 3); changes > 0; changes--) mutateStruct(table, message, chance);
}

function mutateStruct(table: Struct, message: Message, chance: Chance): void {
  const names = Object.keys(message);
  if (names.length === 0) return;
  const name = oneOf(chance, names);
  const field = table[name];
  if (field !== undefined) message[name] = mutateValue(field.shape, message[name], chance);
}

function mutateValue(shape: Shape, value: unknown, chance: Chance): unknown {
  if (chance() < 0.05) return null;
  switch (shape.is) {
    case "boolean":
      return value !== true;
    case "uuid":
      return oneOf(chance, ["0".repeat(32), "1".repeat(32), "f".repeat(32)]);
    case "string":
      return oneOf(chance, TEXTS);
    case "bytes":
      return mutateBytes(Buffer.from(value instanceof Uint8Array ? value : []), chance);
    case "records":
      return Array.isArray(value) ? [mutateBytes(Buffer.concat(value), chance)] : value;
    case "struct":
      if (isMessage(value)) mutateStruct(shape.of, value, chance);
      return value;
    case "array":
      return mutateArray(shape.of, value, chance);
    default:
      return oneOf(chance, NUMBERS);
  }
}

function mutateArray(of: Shape, value: unknown, chance: Chance): unknown {
  if (!Array.isArray(value) || value.length === 0 || chance() < 0.1) return [];
  const item: unknown = value[0];
  if (chance() < 0.15) {
    // Many of what is long, or has many itself, would be more than a request may have.
    const most = Math.max(2, Math.floor(REPEATED_BYTES / (JSON.stringify(item)?.length ?? 1)));
    return Array.from({ length: Math.min(oneOf(chance, [2, 100, 20_000]), most) }, (_, i) => another(of, item, i));
  }
  if (of.is === "struct" && isMessage(item)) mutateStruct(of.of, item, chance);
  else value[0] = mutateValue(of, item, chance);
  return value;
}

/** One item of many: the same again, and every second time with a name or number of its own. */
function another(of: Shape, item: unknown, i: number): unknown {
  if (i % 2 === 0) return item;
  if (of.is !== "struct" || !isMessage(item)) {
    return typeof item === "string" ? `${item}${i}` : typeof item === "number" ? item + i : item;
  }
  const [first] = Object.entries(of.of).find(([name]) => typeof item[name] === "string") ?? [];
  return first === undefined ? item : { ...item, [first]: `${item[first]}${i}` };
}

function isMessage(value: unknown): value is Message {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Changes bytes: some bits, some numbers, a piece cut off, put in from elsewhere, or put in twice. */
export function mutateBytes(bytes: Buffer, chance: Chance, other: Buffer = bytes): Buffer {
  if (bytes.length === 0) return Buffer.from([below(chance, 256)]);
  const at = below(chance, bytes.length);
  const changed = Buffer.from(bytes);
  switch (below(chance, 7)) {
    case 0:
      for (let flips = 1 + below(chance, 4); flips > 0; flips--) {
        const byte = below(chance, changed.length);
        changed[byte] = (changed[byte] ?? 0) ^ (1 << below(chance, 8));
      }
      return changed;
    case 1:
      changed[at] = oneOf(chance, [0, 1, 0x7f, 0x80, 0xff]);
      return changed;
    case 2:
      if (at + 2 <= changed.length) changed.writeInt16BE(oneOf(chance, [-1, -2, 0x7fff, 0x1000]), at);
      return changed;
    case 3: {
      const lengths = [-1, -2, -(2 ** 31), 2 ** 31 - 1, 100_000_000, 65_536];
      if (at + 4 <= changed.length) changed.writeInt32BE(oneOf(chance, lengths), at);
      return changed;
    }
    case 4:
      return changed.subarray(0, at);
    case 5: {
      const from = below(chance, other.length);
      const piece = other.subarray(from, from + 1 + below(chance, 40));
      return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + (chance() < 0.5 ? piece.length : 0))]);
    }
    default: {
      const piece = bytes.subarray(at, at + 1 + below(chance, 100));
      const times = Math.min(1 + below(chance, 20_000), Math.floor(REPEATED_BYTES / piece.length));
      return Buffer.concat([bytes.subarray(0, at), ...Array(times).fill(piece), bytes.subarray(at)]);
    }
  }
}

/** With the length in front of it right again, so that its content is looked at; else any length. */
export function reframed(content: Buffer, chance: Chance): Buffer {
  const frame = Buffer.alloc(4 + content.length);
  const wrong = [-1, 0, 9, content.length + 1, content.length - 1, 2 ** 31 - 1, 50_000_000];
  frame.writeInt32BE(chance() < 0.9 ? content.length : oneOf(chance, wrong));
  content.copy(frame, 4);
  return frame;
}
