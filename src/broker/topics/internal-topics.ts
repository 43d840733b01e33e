import { randomUUID } from "node:crypto";
import { OFFSETS_PARTITIONS, OFFSETS_TOPIC } from "./offsets-topic.ts";
import { getText, type KeyValueJournal, putText } from "../key-value-journal.ts";

/** Where transactions are kept, on Kafka. */
export const TRANSACTIONS_TOPIC = "__transaction_state";

const NAMES: readonly string[] = [OFFSETS_TOPIC, TRANSACTIONS_TOPIC];

/** A topic that is listed and described like any other, and has nothing in it. */
export interface InternalTopic {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
}

/** Whether a name belongs to the broker itself. */
export function isInternal(name: string): boolean {
  return NAMES.includes(name);
}

/**
 * The topics in which Kafka keeps what its coordinators know: there from their first use on, as on Kafka. Here that is in
 * journals, so that there is nothing to be read.
 */
export class InternalTopics {
  readonly #journal: KeyValueJournal;

  constructor(journal: KeyValueJournal) {
    this.#journal = journal;
  }

  /** Makes a topic, if it is not there. */
  use(name: string): void {
    if (this.#journal.get(name) === undefined) {
      putText(this.#journal, name, randomUUID().replaceAll("-", ""));
    }
  }

  get(name: string): InternalTopic | undefined {
    const id = isInternal(name) ? getText(this.#journal, name) : undefined;
    return id === undefined ? undefined : { name, id, partitions: OFFSETS_PARTITIONS };
  }

  byId(id: string): InternalTopic | undefined {
    return this.all().find((one) => one.id === id);
  }

  all(): InternalTopic[] {
    return NAMES.flatMap((name) => this.get(name) ?? []);
  }
}
