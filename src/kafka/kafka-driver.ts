import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type {
  ClusterInfo,
  Driver,
  JoinOptions,
  MemberListener,
  Membership,
  MissingTopic,
  TopicSpec,
} from "../driver/driver.ts";
import { isInMemory } from "../wire/cluster-id.ts";
import { Cluster } from "./connection/cluster.ts";
import { Consumer } from "./consumer/consumer.ts";
import { deadline, type Time } from "../core/delay.ts";
import { BackgroundReports } from "../core/background-reports.ts";
import { KafkaMasterLog } from "./master/master-log.ts";
import { MissingTopics } from "./missing-topics.ts";
import { Producer } from "./producer/producer.ts";
import type { ProducerOptions } from "./producer/sender.ts";
import { type Endpoint, shownAddress } from "./connection/url.ts";

/** The seam over Apache Kafka. Makes no connection before it is asked for something. */
export class KafkaDriver implements Driver {
  readonly publisher: Producer;
  readonly master: KafkaMasterLog;
  readonly troubles: BackgroundReports;
  readonly #cluster: Cluster;
  readonly #missing: MissingTopics;
  readonly #logger: Logger;
  readonly #clock: Clock;

  constructor(endpoint: Endpoint, clientId: string, options: ProducerOptions, logger: Logger, clock: Time) {
    this.#cluster = new Cluster(endpoint, clientId, clock);
    this.troubles = new BackgroundReports(logger, clock);
    this.#missing = new MissingTopics(this.#cluster, logger, clock, this.troubles);
    this.#logger = logger;
    this.#clock = clock;
    this.publisher = new Producer(this.#cluster, options, logger, clock, this.troubles);
    this.master = new KafkaMasterLog(this.#cluster, options.compression, clock);
  }

  async connect(): Promise<ClusterInfo> {
    const { brokers, clusterId } = await this.#cluster.refresh([]);
    return {
      clusterId: clusterId ?? "",
      isInMemory: isInMemory(clusterId ?? ""),
      brokers: brokers.map(shownAddress),
      warnings: this.#cluster.warnings,
    };
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<Map<string, number>> {
    const counts = await this.#cluster.ensureTopics(topics);
    this.#missing.need(topics);
    return counts;
  }

  get missingTopics(): readonly MissingTopic[] {
    return this.#missing.all;
  }

  join(options: JoinOptions, listener: MemberListener): Membership {
    return new Consumer(this.#cluster, options, listener, this.#logger, this.#clock, this.troubles);
  }

  async close(ms: number): Promise<void> {
    this.#missing.close();
    await deadline(this.publisher.flush(), ms);
    this.publisher.close();
    this.#cluster.close();
  }
}
