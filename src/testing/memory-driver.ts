import { MephistoError } from "../core/errors.ts";
import { silent } from "../core/logger.ts";
import { deadline } from "../core/delay.ts";
import { BackgroundReports } from "../core/background-reports.ts";
import type { ClusterInfo, Driver, JoinOptions, MemberListener, MissingTopic, TopicSpec } from "../driver/driver.ts";
import type { Assign } from "../driver/group-plan.ts";
import type { Host } from "./host.ts";
import { MemoryMaster } from "./master.ts";
import type { MemoryLog } from "./memory-log.ts";
import { MemoryMembership } from "./membership.ts";
import { ANSWER_MS, Line, type Network } from "./network.ts";
import { MemoryPublisher } from "./publisher.ts";

export interface MemoryDriverParts {
  readonly log: MemoryLog;
  readonly network: Network;
  /** The process that it runs in: its clocks, and its sleep. */
  readonly host: Host;
  /** What the group's leader plans with. */
  readonly assign: Assign;
  /** How much earlier than the log's own reckoning a lease ends, in ms. Default as over Kafka. */
  readonly margin?: number;
  /** Where its loops report. Default: its own, which tells nobody. */
  readonly troubles?: BackgroundReports;
}

/**
 * The seam over a log in memory, for tests: every call is a message to the log, over a network that may lose it, in a
 * process that may be frozen.
 */
export class MemoryDriver implements Driver {
  readonly publisher: MemoryPublisher;
  readonly master: MemoryMaster;
  readonly troubles: BackgroundReports;
  readonly #parts: MemoryDriverParts;
  readonly #line: Line;
  readonly #needed = new Set<string>();

  constructor(parts: MemoryDriverParts) {
    this.#parts = parts;
    this.troubles = parts.troubles ?? new BackgroundReports(silent, parts.host);
    this.#line = new Line(parts.network, parts.host);
    this.publisher = new MemoryPublisher(parts.log, parts.network, parts.host);
    this.master = new MemoryMaster(parts);
  }

  async connect(): Promise<ClusterInfo> {
    return await this.#ask("Metadata", () => ({ clusterId: "memory", brokers: ["memory:0"] }));
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const { topic, partitions, replicationFactor, limitsOf } of topics) {
      const answer = await this.#ask("CreateTopics", (log) => {
        const like = limitsOf === undefined ? undefined : log.topics.get(limitsOf);
        const limits = like && { maxBytes: 2 * like.maxBytes };
        const found = log.topics.get(topic) ?? log.createTopic(topic, { partitions, replicationFactor, ...limits });
        return typeof found === "string" ? found : found.partitions.length;
      });
      if (typeof answer === "string") {
        throw new MephistoError("UNKNOWN_TOPIC", `Topic ${topic} cannot be created: replication factor: ${answer}.`);
      }
      counts.set(topic, answer);
      this.#needed.add(topic);
    }
    return counts;
  }

  /** Seen at once: nobody here creates them again, and so nobody has to look again and again. */
  get missingTopics(): readonly MissingTopic[] {
    const { topics } = this.#parts.log;
    const gone = [...this.#needed].filter((topic) => !topics.has(topic));
    return gone.map((topic) => ({ topic, why: `Topic ${topic} has been deleted.` }));
  }

  join(options: JoinOptions, listener: MemberListener): MemoryMembership {
    const incarnation = this.#parts.host.name;
    return new MemoryMembership({ ...this.#parts, incarnation }, options, listener);
  }

  async close(ms: number): Promise<void> {
    await deadline(this.publisher.flush(), ms, this.#parts.host.sleep);
    this.publisher.close();
    this.master.close();
    this.#line.close();
  }

  #ask<T>(name: string, ask: (log: MemoryLog) => T): Promise<T> {
    const { log } = this.#parts;
    return this.#line.call<T>(name, ANSWER_MS, (reply) => reply(ask(log)));
  }
}
