import type { Clock } from "../../core/clock.ts";
import { MephistoError } from "../../core/errors.ts";
import type {
  FencedPublisher,
  FenceOptions,
  JournalEntry,
  JournalSpec,
  JournalState,
  MasterLog,
  MayTry,
  PartitionOffset,
} from "../../driver/master-log.ts";
import type { CodecName } from "../../wire/codec.ts";
import { groupLag } from "./group-lag.ts";
import type { Cluster } from "../connection/cluster.ts";
import { packedWith } from "../../compression/compression.ts";
import { FencedProducer } from "./fenced-producer.ts";
import { JournalReader } from "./journal-reader.ts";
import { ensureJournal } from "./journal-topic.ts";
import { ConnectionPool } from "../connection/connection-pool.ts";
import { retryWhile } from "../connection/retry.ts";

/** How long a question is asked again while brokers load or move. */
const RETRY_TIMEOUT_MS = 5000;

/** What mastership needs of a log, over Apache Kafka: a transactional id, a compacted topic, and transactions. */
export class KafkaMasterLog implements MasterLog {
  readonly #cluster: Cluster;
  readonly #compression: CodecName | undefined;
  readonly #clock: Clock;

  constructor(cluster: Cluster, compression: CodecName | undefined, clock: Clock) {
    this.#cluster = cluster;
    this.#compression = compression;
    this.#clock = clock;
  }

  async ensureJournal(spec: JournalSpec): Promise<JournalState> {
    return await ensureJournal(this.#cluster, spec);
  }

  async readJournal(topic: string): Promise<readonly JournalEntry[]> {
    const cluster = this.#cluster;
    await cluster.refresh([topic]);
    const topicId = cluster.topic(topic)?.topicId;
    if (topicId === undefined) throw new MephistoError("UNKNOWN_TOPIC", `There is no journal ${topic}.`);
    const connections = new ConnectionPool(cluster);
    try {
      const reader = new JournalReader({ cluster, connections, clock: this.#clock, topic, topicId });
      return await reader.readCommitted();
    } finally {
      connections.close();
    }
  }

  async fence(options: FenceOptions, mayTry: MayTry): Promise<FencedPublisher> {
    const connections = new ConnectionPool(this.#cluster);
    const parts = { cluster: this.#cluster, connections, clock: this.#clock, kind: packedWith(this.#compression) };
    try {
      return await FencedProducer.fence(parts, options, mayTry);
    } catch (error) {
      connections.close();
      throw error;
    }
  }

  async lag(group: string, ends: readonly PartitionOffset[]): Promise<number> {
    const persistence = { mayTry: () => true, clock: this.#clock, signal: new AbortController().signal };
    const until = this.#clock.monotonic() + RETRY_TIMEOUT_MS;
    return await retryWhile(() => groupLag(this.#cluster, group, ends), { ...persistence, until });
  }
}
