import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import type { KeyValueJournal } from "../key-value-journal.ts";

const KEY = JSON.stringify(["producer-ids"]);
/** Ids are reserved so many at a time, as in Kafka, so that not each of them has to be written down. */
const BLOCK = 1000;

/** Gives out producer ids, none twice, whatever becomes of the process. */
export class ProducerIds {
  readonly #journal: KeyValueJournal;
  #next = 0;
  #reserved = 0;

  constructor(journal: KeyValueJournal) {
    this.#journal = journal;
    const kept = journal.get(KEY);
    if (kept !== undefined) this.#next = this.#reserved = new Reader(kept).int64();
  }

  next(): number {
    if (this.#next === this.#reserved) {
      this.#reserved += BLOCK;
      this.#journal.put(KEY, new Writer(8).int64(this.#reserved).finish());
    }
    return this.#next++;
  }
}
