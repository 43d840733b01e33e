import type { Codecs } from "../../wire/codec.ts";
import type { Clock } from "../../core/clock.ts";
import { logConfigOf } from "../settings/configs.ts";
import type { MemoryBudget } from "../log/budget.ts";
import { Log } from "../log/log.ts";
import { getText, type KeyValueJournal, putText, textOf } from "../key-value-journal.ts";
import type { Storage } from "../storage.ts";
import type { Topic, TopicRecord, TopicStore } from "./topics.ts";

export interface KeeperOptions {
  readonly storage: Storage;
  readonly memory: MemoryBudget;
  readonly clock: Clock;
  readonly codecs: Codecs;
}

/** Remembers topics, and where their logs begin, in journals of the storage. */
export class JournaledTopics implements TopicStore {
  readonly #options: KeeperOptions;
  readonly #topics: KeyValueJournal;
  readonly #starts: KeyValueJournal;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#topics = options.storage.journal("topics");
    this.#starts = options.storage.journal("starts");
  }

  /** Those of an earlier life. Logs that belong to none of them are taken away. */
  remembered(): TopicRecord[] {
    const records = [...this.#topics.entries()].map(([name, value]) => parse(name, textOf(value)));
    this.#options.storage.keepOnly(new Set(records.map(({ id }) => id)));
    return records;
  }

  makeLog({ id, config }: Pick<Topic, "id" | "config">, partition: number): Log {
    const { storage, memory, clock, codecs } = this.#options;
    const key = `${id}-${partition}`;
    const start = getText(this.#starts, key);
    const log = new Log({
      config: logConfigOf(config),
      stores: storage.stores(id, partition),
      clock,
      codecs,
      ...(start === undefined ? {} : { startOffset: Number(start) }),
      onStart: (offset) => putText(this.#starts, key, String(offset)),
    });
    memory.add(log);
    return log;
  }

  save({ name, ...rest }: TopicRecord): void {
    putText(this.#topics, name, JSON.stringify(rest));
  }

  forget({ name, id, partitions }: Topic): void {
    this.#topics.delete(name);
    for (const { index, log } of partitions) {
      this.#starts.delete(`${id}-${index}`);
      this.#options.memory.remove(log);
    }
  }

  /** Resolves once what was saved so far is on disk. */
  async flushed(): Promise<void> {
    await this.#topics.flushed();
    await this.#starts.flushed();
  }
}

function parse(name: string, value: string): TopicRecord {
  const { id, partitions, config }: Omit<TopicRecord, "name"> = JSON.parse(value);
  return { name, id, partitions, config };
}
