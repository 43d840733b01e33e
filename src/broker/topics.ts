import { randomUUID } from "node:crypto";
import type { Log } from "./log/log.ts";

/** A partition and its log; the one broker leads it. */
export interface Partition {
  readonly topic: Topic;
  readonly index: number;
  readonly log: Log;
}

export interface Topic {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly partitions: Partition[];
  /** What was set for it, by name; what was not has its default. */
  readonly config: Map<string, string>;
}

/** The topics, by name and by id. */
export class Topics {
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  readonly #deleted = new Set<(topic: Topic) => void>();

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id);
  }

  partition(name: string, index: number): Partition | undefined {
    return this.#byName.get(name)?.partitions[index];
  }

  all(): Topic[] {
    return [...this.#byName.values()];
  }

  /** Has a function called when a topic has been deleted: its committed offsets and transactions go with it. */
  onDelete(listener: (topic: Topic) => void): void {
    this.#deleted.add(listener);
  }

  /** Adds a topic whose name and config have been checked. */
  create(name: string, partitions: number, config: ReadonlyMap<string, string>, makeLog: () => Log): Topic {
    const id = randomUUID().replaceAll("-", "");
    const topic: Topic = { name, id, partitions: [], config: new Map(config) };
    for (let index = 0; index < partitions; index++) topic.partitions.push({ topic, index, log: makeLog() });
    this.#byName.set(name, topic);
    this.#byId.set(id, topic);
    return topic;
  }

  delete(topic: Topic): void {
    this.#byName.delete(topic.name);
    this.#byId.delete(topic.id);
    for (const listener of this.#deleted) listener(topic);
  }
}
