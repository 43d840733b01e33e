import { randomUUID } from "node:crypto";
import { logConfigOf } from "../settings/configs.ts";
import type { Log } from "../log/log.ts";

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
  config: ReadonlyMap<string, string>;
}

/** What is to be remembered of a topic. */
export interface TopicRecord {
  readonly name: string;
  readonly id: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Where topics are remembered and their logs are kept. */
export interface TopicStore {
  makeLog(topic: { name: string; id: string; config: ReadonlyMap<string, string> }, partition: number): Log;
  save(topic: TopicRecord): void;
  /** A topic has been deleted: its logs are removed after this. */
  forget(topic: Topic): void;
}

/** The topics, by name and by id. */
export class Topics {
  readonly #keeper: TopicStore;
  readonly #defaults: () => ReadonlyMap<string, string>;
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  /** By what a name becomes in the name of a metric. */
  readonly #byMetric = new Map<string, Topic>();
  readonly #deleted = new Set<(topic: Topic) => void>();

  /** `defaults`: what topics go by that do not say otherwise, where that is not Kafka's default. */
  constructor(keeper: TopicStore, defaults: () => ReadonlyMap<string, string> = () => new Map()) {
    this.#keeper = keeper;
    this.#defaults = defaults;
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  byId(id: string): Topic | undefined {
    return this.#byId.get(id);
  }

  /** The topic whose name is the same but for dots and underscores, as no two topics may be in Kafka. */
  alike(name: string): Topic | undefined {
    return this.#byMetric.get(metricOf(name));
  }

  partition(name: string, index: number): Partition | undefined {
    return this.#byName.get(name)?.partitions[index];
  }

  /** In the order of their names. */
  all(): Topic[] {
    return [...this.#byName.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Has a function called when a topic has been deleted: its committed offsets and transactions go with it. */
  onDelete(listener: (topic: Topic) => void): void {
    this.#deleted.add(listener);
  }

  /** Adds a topic whose name and config have been checked. */
  create(name: string, partitions: number, config: ReadonlyMap<string, string>): Topic {
    const topic = this.recall({
      name,
      id: randomUUID().replaceAll("-", ""),
      partitions,
      config: Object.fromEntries(config),
    });
    this.#save(topic);
    return topic;
  }

  /** Takes up a topic that is remembered from an earlier life. */
  recall({ name, id, partitions, config }: TopicRecord): Topic {
    const topic: Topic = { name, id, partitions: [], config: new Map(Object.entries(config)) };
    this.#grow(topic, partitions);
    this.#byName.set(name, topic);
    this.#byId.set(id, topic);
    this.#byMetric.set(metricOf(name), topic);
    return topic;
  }

  /** Adds partitions up to a number of them. */
  grow(topic: Topic, partitions: number): void {
    this.#grow(topic, partitions);
    this.#save(topic);
  }

  /** Sets what has been checked; it counts from now on. */
  configure(topic: Topic, config: ReadonlyMap<string, string>): void {
    topic.config = new Map(config);
    this.#reconfigure(topic);
    this.#save(topic);
  }

  /** The defaults of all topics have changed. */
  defaultsChanged(): void {
    for (const topic of this.#byName.values()) this.#reconfigure(topic);
  }

  delete(topic: Topic): void {
    this.#byName.delete(topic.name);
    this.#byId.delete(topic.id);
    this.#byMetric.delete(metricOf(topic.name));
    this.#keeper.forget(topic);
    for (const { log } of topic.partitions) log.remove();
    for (const listener of this.#deleted) listener(topic);
  }

  #grow(topic: Topic, partitions: number): void {
    for (let index = topic.partitions.length; index < partitions; index++) {
      const log = this.#keeper.makeLog({ ...topic, config: this.#effective(topic) }, index);
      topic.partitions.push({ topic, index, log });
    }
  }

  #reconfigure(topic: Topic): void {
    const config = logConfigOf(this.#effective(topic));
    for (const { log } of topic.partitions) log.config = config;
  }

  #effective({ config }: Topic): ReadonlyMap<string, string> {
    const defaults = this.#defaults();
    return defaults.size === 0 ? config : new Map([...defaults, ...config]);
  }

  #save(topic: Topic): void {
    this.#keeper.save(recordOf(topic));
  }
}

function metricOf(name: string): string {
  return name.replaceAll(".", "_");
}

function recordOf({ name, id, partitions, config }: Topic): TopicRecord {
  return { name, id, partitions: partitions.length, config: Object.fromEntries(config) };
}
