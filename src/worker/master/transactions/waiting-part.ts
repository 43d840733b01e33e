import { sizeOf } from "../../calls/sends.ts";
import type { Part } from "./transaction-part.ts";

/** The most that goes together: so many parts, and so many bytes unless one part alone has more. */
const SHARED_PARTS = 1000;
const SHARED_BYTES = 4 << 20;

/** Something that waits to be committed. */
export interface Waiting {
  readonly prepare: () => Part | undefined;
  readonly done: (() => void) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Once it is prepared. */
  part: Part | undefined;
  /** What its records take in memory, roughly. */
  bytes: number;
  /** The later it came the higher. */
  readonly order: number;
  state: "open" | "away" | "settled";
}

/** One that goes now. */
export type Taken = Waiting & { readonly part: Part };

/** What goes into one transaction. */
export class Bounds {
  readonly #most: number;
  #count = 0;
  #bytes = 0;
  #alone = false;

  constructor(most: number = SHARED_PARTS) {
    this.#most = Math.min(most, SHARED_PARTS);
  }

  get full(): boolean {
    return this.#count >= this.#most || this.#alone;
  }

  /** Whether it goes with those before. */
  takes({ bytes, part }: Taken): boolean {
    this.#bytes += bytes;
    if (this.#count > 0 && (part.alone || this.#bytes > SHARED_BYTES)) return false;
    this.#count++;
    this.#alone = part.alone === true;
    return true;
  }
}

function bytesOf({ records }: Part): number {
  return records.reduce((sum, record) => sum + sizeOf(record), 0);
}

/** Prepares it, once; gives whether there is anything to be committed. */
export function prepare(waiting: Waiting): waiting is Taken {
  if (waiting.part) return true;
  try {
    waiting.part = waiting.prepare();
    if (waiting.part) {
      waiting.bytes = bytesOf(waiting.part);
      return true;
    }
    waiting.resolve();
  } catch (error) {
    waiting.reject(error);
  }
  return false;
}
