import { renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { crc32c } from "../../wire/crc32c.ts";
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import type { KeyValueJournal } from "../key-value-journal.ts";
import { DurableFile, syncFolder } from "./durable-file.ts";

/** From this size on the file is written anew when most of it is out of date. */
const COMPACT_FROM_BYTES = 1024 * 1024;
const COMPACT_RATIO = 4;
const HEAD_BYTES = 8; // checksum and length of what follows

/**
 * A journal in a file: entries of a checksum, a length, the key and its value (null: deleted), of which the last one of
 * a key counts. A torn entry at its end is cut when it is opened.
 */
export class FileJournal implements KeyValueJournal {
  readonly #values = new Map<string, Uint8Array>();
  readonly #path: string;
  readonly #syncs: boolean;
  #file: DurableFile;
  #live = 0;

  constructor(path: string, syncs: boolean) {
    this.#path = path;
    this.#syncs = syncs;
    rmSync(`${path}.new`, { force: true });
    this.#file = new DurableFile(path, syncs);
    this.#file.truncate(this.#load());
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  entries(): IterableIterator<[string, Uint8Array]> {
    return this.#values.entries();
  }

  put(key: string, value: Uint8Array): void {
    this.#file.append(encode(key, value));
    this.#take(key, new Uint8Array(value)); // a copy: a Buffer's own slice() would be a view
    this.#compact();
  }

  delete(key: string): void {
    if (!this.#values.has(key)) return;
    this.#file.append(encode(key, null));
    this.#take(key, null);
    this.#compact();
  }

  flushed(): Promise<void> {
    return this.#file.flushed();
  }

  close(): void {
    this.#file.close();
  }

  /** Where the last good entry ends. */
  #load(): number {
    const bytes = this.#file.read(0, this.#file.size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + view.getUint32(at + 4);
      if (end > bytes.length || crc32c(bytes, at + HEAD_BYTES, end) !== view.getUint32(at)) break;
      const reader = new Reader(bytes.subarray(at + HEAD_BYTES, end));
      const key = reader.compactString();
      const value = reader.compactNullableBytes();
      this.#take(key, value === null ? null : new Uint8Array(value));
      at = end;
    }
    return at;
  }

  #take(key: string, value: Uint8Array | null): void {
    this.#live -= sizeOf(key, this.#values.get(key));
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
    this.#live += sizeOf(key, value ?? undefined);
  }

  #compact(): void {
    if (this.#file.size < COMPACT_FROM_BYTES || this.#file.size < this.#live * COMPACT_RATIO) return;
    const fresh = new DurableFile(`${this.#path}.new`, this.#syncs);
    for (const [key, value] of this.#values) fresh.append(encode(key, value));
    // Those who wait for the old file are served by its last sync, or by the rename, whichever comes first.
    fresh.syncNow();
    renameSync(`${this.#path}.new`, this.#path);
    if (this.#syncs) syncFolder(dirname(this.#path));
    this.#file.close();
    this.#file = fresh;
  }
}

function sizeOf(key: string, value: Uint8Array | undefined): number {
  return value === undefined ? 0 : key.length + value.length + HEAD_BYTES;
}

function encode(key: string, value: Uint8Array | null): Uint8Array {
  const content = new Writer(key.length + (value?.length ?? 0) + 16).compactString(key).compactNullableBytes(value)
    .finish();
  return new Writer(HEAD_BYTES + content.length).int32(crc32c(content) | 0).int32(content.length).raw(content).finish();
}
