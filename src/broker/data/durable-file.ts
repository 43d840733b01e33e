import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** Small reads come out of a block of this many bytes, which is kept. */
const READ_BLOCK_BYTES = 4096;
const SMALL_READ_BYTES = 1024;
const DONE = Promise.resolve();

/**
 * A file that is only appended to. What `append` was given survives a kill of this process at once, and a loss of power
 * once `flushed` has resolved: one `fdatasync` at a time, which serves all who have been waiting since the one before.
 */
export class DurableFile {
  readonly path: string;
  readonly #fd: number;
  readonly #syncs: boolean;
  #size: number;
  #block: { start: number; bytes: Uint8Array } | undefined;
  #isDirty = false;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #isClosed = false;

  /** Opens it, or begins it. `syncs`: whether `flushed` waits for the disk. Throws the system's error. */
  constructor(path: string, syncs: boolean) {
    this.path = path;
    this.#syncs = syncs;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#size = fstatSync(this.#fd).size;
    if (syncs && this.#size === 0) syncFolder(dirname(path));
  }

  get size(): number {
    return this.#size;
  }

  /** Whether something has been written that `flushed` has not yet waited for. */
  get isDirty(): boolean {
    return this.#isDirty || this.#running !== undefined;
  }

  /** Throws the system's error, and then nothing has been appended: what is after the end is not part of it. */
  append(bytes: Uint8Array): void {
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#size + written);
    }
    this.#size += bytes.length;
    this.#isDirty = this.#syncs;
  }

  /** A copy, or a view of what is not written to again; shorter at the end of the file. */
  read(at: number, length: number): Uint8Array {
    const wanted = Math.max(0, Math.min(length, this.#size - at));
    if (wanted > SMALL_READ_BYTES) return this.#load(at, wanted);
    const block = this.#block;
    if (block !== undefined && at >= block.start && at + wanted <= block.start + block.bytes.length) {
      return block.bytes.subarray(at - block.start, at - block.start + wanted);
    }
    const bytes = this.#load(at, Math.min(READ_BLOCK_BYTES, this.#size - at));
    this.#block = { start: at, bytes };
    return bytes.subarray(0, wanted);
  }

  truncate(size: number): void {
    ftruncateSync(this.#fd, size);
    this.#size = size;
    this.#block = undefined;
  }

  /** Resolves once what was appended so far is on disk. Rejects with the system's error. */
  flushed(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#isDirty && !this.#isClosed ? this.#sync() : DONE;
    if (!this.#isDirty) return this.#running;
    const next = () => {
      this.#next = undefined;
      return this.#isDirty && !this.#isClosed ? this.#sync() : undefined;
    };
    return this.#next = this.#running.then(next, next);
  }

  /** Puts on disk what was appended so far, and waits for it. */
  syncNow(): void {
    if (this.#syncs) fsyncSync(this.#fd);
    this.#isDirty = false;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A sync may be using it.
    if (this.#running === undefined) closeSync(this.#fd);
    else this.#running.finally(() => closeSync(this.#fd)).catch(() => {});
  }

  /** Closes it and takes it away. */
  remove(): void {
    this.close();
    unlinkSync(this.path);
  }

  #sync(): Promise<void> {
    this.#isDirty = false;
    const running = new Promise<void>((resolve, reject) => {
      fdatasync(this.#fd, (error) => error === null ? resolve() : reject(error));
    }).finally(() => {
      this.#running = undefined;
    });
    running.catch(() => {
      this.#isDirty = true;
    });
    return this.#running = running;
  }

  #load(at: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafeSlow(length);
    let read = 0;
    while (read < length) {
      const more = readSync(this.#fd, bytes, read, length - read, at + read);
      if (more === 0) throw new Error(`${this.path} ends at byte ${at + read}, before ${at + length}`);
      read += more;
    }
    return bytes;
  }
}

/** Has the names in a folder survive a loss of power. */
export function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } catch {
    // Not every system can do that with a folder.
  } finally {
    closeSync(fd);
  }
}
