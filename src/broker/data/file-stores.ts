import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../core/logger.ts";
import { messageOf } from "../../core/errors.ts";
import { crc32c } from "../../wire/crc32c.ts";
import { ATTRIBUTES, readBatchHeader, RECORDS } from "../../wire/record-batch.ts";
import { Code } from "../../wire/error-codes.ts";
import { AppendError } from "../log/error.ts";
import type { Store } from "../log/store.ts";
import type { Stores } from "../log/stores.ts";
import { DurableFile, syncFolder } from "./durable-file.ts";

const SEGMENT_BYTES = 64 * 1024 * 1024;
const SUFFIX = ".log";

/** A partition's segments as files of a folder, each named by the offset that it begins with, as Kafka's are. */
export class FileStores implements Stores {
  readonly segmentLimit = SEGMENT_BYTES;
  readonly #folder: string;
  readonly #syncs: boolean;
  readonly #logger: Logger;

  constructor(folder: string, syncs: boolean, logger: Logger) {
    this.#folder = folder;
    this.#syncs = syncs;
    this.#logger = logger;
    mkdirSync(folder, { recursive: true });
  }

  existing(): { baseOffset: number; store: Store }[] {
    const names = readdirSync(this.#folder);
    for (const name of names.filter((name) => !name.endsWith(SUFFIX))) rmSync(join(this.#folder, name));
    const bases = names.filter((name) => name.endsWith(SUFFIX)).map((name) => Number.parseInt(name)).sort((a, b) =>
      a - b
    );
    const found: { baseOffset: number; store: Store }[] = [];
    for (const [index, baseOffset] of bases.entries()) {
      const file = this.#open(baseOffset);
      const isLast = index === bases.length - 1;
      const good = lastGood(file, isLast);
      if (good < file.size) {
        this.#logger.warn(`${file.path}: cut after byte ${good} of ${file.size}, where the last whole batch ends`);
        file.truncate(good);
        found.push({ baseOffset, store: new FileStore(file) });
        // What comes after a hole cannot be trusted to follow.
        for (const later of bases.slice(index + 1)) this.#open(later).remove();
        break;
      }
      found.push({ baseOffset, store: new FileStore(file) });
    }
    return found;
  }

  create(baseOffset: number): Store {
    return new FileStore(this.#open(baseOffset));
  }

  replace(baseOffset: number, old: Store, content: readonly Uint8Array[]): Store {
    const path = this.#path(baseOffset);
    const cleaned = `${path}.cleaned`;
    writeFileSync(cleaned, "");
    const file = new DurableFile(cleaned, this.#syncs);
    for (const piece of content) file.append(piece);
    file.syncNow();
    file.close();
    old.close();
    renameSync(cleaned, path);
    if (this.#syncs) syncFolder(this.#folder);
    return new FileStore(this.#open(baseOffset));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #open(baseOffset: number): DurableFile {
    return new DurableFile(this.#path(baseOffset), this.#syncs);
  }

  #path(baseOffset: number): string {
    return join(this.#folder, `${String(baseOffset).padStart(20, "0")}${SUFFIX}`);
  }
}

/** A segment in a file. */
class FileStore implements Store {
  readonly #file: DurableFile;

  constructor(file: DurableFile) {
    this.#file = file;
  }

  get size(): number {
    return this.#file.size;
  }

  get isDirty(): boolean {
    return this.#file.isDirty;
  }

  reserve(): boolean {
    return true;
  }

  append(bytes: Uint8Array): void {
    try {
      this.#file.append(bytes);
    } catch (error) {
      throw new AppendError(Code.KAFKA_STORAGE_ERROR, `${this.#file.path} cannot be written: ${messageOf(error)}`);
    }
  }

  read(at: number, length: number): Uint8Array {
    return this.#file.read(at, length);
  }

  flushed(): Promise<void> {
    return this.#file.flushed();
  }

  remove(): void {
    this.#file.remove();
  }

  close(): void {
    this.#file.close();
  }
}

/** Where the last batch ends that is whole, and, if `checksums`, right. */
function lastGood(file: DurableFile, checksums: boolean): number {
  let at = 0;
  let next = -1;
  while (file.size - at >= RECORDS) {
    try {
      const { size, crc, baseOffset, lastOffsetDelta } = readBatchHeader(file.read(at, RECORDS));
      if (at + size > file.size || baseOffset < next) return at;
      if (checksums && crc32c(file.read(at, size), ATTRIBUTES) !== crc) return at;
      next = baseOffset + lastOffsetDelta + 1;
      at += size;
    } catch {
      return at;
    }
  }
  return at;
}
