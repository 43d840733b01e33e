import type { MemoryBudget } from "./budget.ts";
import { MemoryStore, type Store } from "./store.ts";

/** The stores of a partition's segments. */
export interface Stores {
  /** No segment grows beyond so many bytes, whatever its topic's `segment.bytes`. */
  readonly segmentLimit: number;
  /** Those from an earlier life, by the offset that they begin with; whole batches only. */
  existing(): { baseOffset: number; store: Store }[];
  create(baseOffset: number, limit: number): Store;
  /**
   * A store with this content instead of the one that begins with the same offset, in one step: a crash leaves either.
   * The old one is removed by this. Undefined: there is no room.
   */
  replace(baseOffset: number, old: Store, content: readonly Uint8Array[]): Store | undefined;
  /** Takes away what is left once all stores are removed. */
  remove(): void;
}

const SEGMENT_BYTES = 4 * 1024 * 1024;

/** In memory: small segments, so that old ones can go soon. */
export class MemoryStores implements Stores {
  readonly segmentLimit = SEGMENT_BYTES;
  readonly #budget: MemoryBudget;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  existing(): [] {
    return [];
  }

  create(_baseOffset: number, limit: number): Store {
    return new MemoryStore(this.#budget, limit);
  }

  replace(_baseOffset: number, old: Store, content: readonly Uint8Array[]): Store | undefined {
    const store = new MemoryStore(this.#budget, 0);
    if (!store.reserve(content.reduce((sum, piece) => sum + piece.length, 0))) return undefined;
    for (const piece of content) store.append(piece);
    old.remove();
    return store;
  }

  remove(): void {}
}
