import { readFileSync } from "node:fs";
import { Buffer } from "node:buffer";

const vectors: Record<string, string> = JSON.parse(
  readFileSync(new URL("./vectors/vectors.json", import.meta.url), "utf8"),
);

/** What the Java client made of a fixed input (see vectors/MakeVectors.java), as it is in the file. */
export function vector(name: string): string {
  const value = vectors[name];
  if (value === undefined) throw new Error(`vectors.json has no "${name}"`);
  return value;
}

/** The same as bytes, of their own and not aligned to anything. */
export function vectorBytes(name: string): Uint8Array {
  return fromHex(vector(name));
}

export function vectorNames(prefix: string): string[] {
  return Object.keys(vectors).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The records that most of the vectors hold. */
export const TIME = 1_700_000_000_000;
const none: [string, Uint8Array | null][] = [];
export const MIXED: readonly {
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: [string, Uint8Array | null][];
}[] = [
  { timestamp: TIME, key: utf8("k1"), value: utf8("v1"), headers: none },
  { timestamp: TIME + 5, key: null, value: utf8("no key"), headers: none },
  { timestamp: TIME - 70, key: utf8("tombstone"), value: null, headers: none },
  { timestamp: TIME + 86_400_000 * 60, key: null, value: null, headers: none },
  { timestamp: TIME + 1, key: utf8(""), value: utf8(""), headers: none },
  {
    timestamp: TIME + 2,
    key: utf8("h"),
    value: utf8("v"),
    headers: [["a", utf8("1")], ["a", null], ["ü", new Uint8Array(0)]],
  },
  { timestamp: TIME + 3, key: utf8("long"), value: utf8("0123456789".repeat(30)), headers: none },
];
