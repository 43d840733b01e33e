import { MephistoError } from "../core/errors.ts";
import { partitionKey } from "../core/topic-partition.ts";
import type {
  FencedPublisher,
  FenceOptions,
  JournalEntry,
  JournalSpec,
  JournalState,
  MasterLog,
  MayTry,
  PartitionOffset,
} from "../driver/master-log.ts";
import { type FencedParts, MemoryFenced, remember } from "./fenced.ts";
import type { Fetched, LogError, MemoryLog, Topic } from "./memory-log.ts";
import { ANSWER_MS, Line } from "./network.ts";
import { unknownTopic } from "./publisher.ts";

/** What mastership needs of the log. */
export class MemoryMaster implements MasterLog {
  readonly #parts: FencedParts;
  readonly #line: Line;

  constructor(parts: FencedParts) {
    this.#parts = parts;
    this.#line = new Line(parts.network, parts.host);
  }

  /** Ends its connection. */
  close(): void {
    this.#line.close();
  }

  async ensureJournal({ topic, replicationFactor }: JournalSpec): Promise<JournalState> {
    const { found, created } = await this.#ask<{ found: Topic | LogError; created: boolean }>("CreateTopics", (log) => {
      const there = log.topics.get(topic);
      if (there) return { found: there, created: false };
      return { found: log.createTopic(topic, { replicationFactor, compacted: true }), created: true };
    });
    if (typeof found === "string") throw new MephistoError("JOURNAL_UNUSABLE", `Journal ${topic}: ${found}.`);
    if (found.partitions.length !== 1 || !found.compacted) {
      throw new MephistoError(
        "JOURNAL_UNUSABLE",
        `Topic ${topic} is not a journal: it has to have one partition, compacted.`,
      );
    }
    return { id: found.id, created, warnings: [] };
  }

  async readJournal(topic: string): Promise<readonly JournalEntry[]> {
    const latest = new Map<string, JournalEntry>();
    for (let from = 0;;) {
      const answer = await this.#line.call<Fetched | undefined>("Fetch", ANSWER_MS, (reply) => {
        const { log } = this.#parts;
        const found = log.topics.get(topic);
        if (found === undefined) reply(undefined);
        else log.fetch({ topic, partition: 0 }, found.id, from, 0, reply);
      });
      if (answer === undefined) throw unknownTopic(topic);
      for (const message of answer.messages) remember(latest, message);
      if (answer.next === from) return [...latest.values()];
      from = answer.next;
    }
  }

  async fence(options: FenceOptions, mayTry: MayTry): Promise<FencedPublisher> {
    return await MemoryFenced.open(this.#parts, options, mayTry);
  }

  async lag(group: string, ends: readonly PartitionOffset[]): Promise<number> {
    return await this.#ask("OffsetFetch", (log) => {
      const { offsets } = log.group(group);
      return ends.reduce((sum, end) => {
        const partition = log.partition(end);
        if (partition === undefined) return sum;
        const from = offsets.get(partitionKey(end)) ?? partition.start;
        // Of a topic that is another one now nobody will commit so much.
        return sum + Math.max(0, Math.min(end.offset, partition.end) - from);
      }, 0);
    });
  }

  #ask<T>(name: string, ask: (log: MemoryLog) => T): Promise<T> {
    const { log } = this.#parts;
    return this.#line.call<T>(name, ANSWER_MS, (reply) => reply(ask(log)));
  }
}
