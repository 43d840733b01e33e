/**
 * What the coordinators keep: keys and values that survive a crash when the broker has a folder, and are in memory when
 * it has none. A write is durable once `flushed` has resolved; until then nothing that depends on it should be answered.
 */
export interface KeyValueJournal {
  get(key: string): Uint8Array | undefined;
  entries(): IterableIterator<[string, Uint8Array]>;
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
  /** Resolves once all of the writes before it are on disk. Rejects with the system's error. */
  flushed(): Promise<void>;
}

/** A journal that ends with the process. */
export class MemoryJournal implements KeyValueJournal {
  readonly #values = new Map<string, Uint8Array>();

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  entries(): IterableIterator<[string, Uint8Array]> {
    return this.#values.entries();
  }

  put(key: string, value: Uint8Array): void {
    this.#values.set(key, value);
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A value that is text. */
export function textOf(value: Uint8Array): string {
  return decoder.decode(value);
}

export function getText(journal: KeyValueJournal, key: string): string | undefined {
  const value = journal.get(key);
  return value && textOf(value);
}

export function putText(journal: KeyValueJournal, key: string, text: string): void {
  journal.put(key, encoder.encode(text));
}

/** Settings by their names; none where nothing was put. */
export function getConfig(journal: KeyValueJournal, key: string): Map<string, string> {
  return new Map(Object.entries<string>(JSON.parse(getText(journal, key) ?? "{}")));
}

export function putConfig(journal: KeyValueJournal, key: string, config: ReadonlyMap<string, string>): void {
  putText(journal, key, JSON.stringify(Object.fromEntries(config)));
}
