import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import { GroupCoordinator } from "./groups/coordinator.ts";
import { OFFSETS_TOPIC } from "./topics/offsets-topic.ts";
import type { GroupSettings } from "./groups/settings.ts";
import { SystemTimers } from "./groups/timers.ts";
import type { KeyValueJournal } from "./key-value-journal.ts";
import type { Topics } from "./topics/topics.ts";
import { type Marker, TransactionCoordinator } from "./transactions/coordinator.ts";
import type { TransactionSettings } from "./transactions/settings.ts";
import type { TopicPartition } from "../core/topic-partition.ts";

export interface CoordinatorsOptions {
  readonly topics: Topics;
  readonly journal: (name: string) => KeyValueJournal;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly groups?: Partial<GroupSettings>;
  readonly transactions?: Partial<TransactionSettings>;
}

/** A single broker's coordinator never moves, so its epoch never changes. */
const COORDINATOR_EPOCH = 0;

/** The two coordinators, and what joins them: a transaction's end is written to logs and to groups' offsets alike. */
export class Coordinators {
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly #options: CoordinatorsOptions;
  readonly #timers = new SystemTimers();

  constructor(options: CoordinatorsOptions) {
    this.#options = options;
    const { topics, journal, clock, logger } = options;
    const timers = this.#timers;
    this.groups = new GroupCoordinator({
      settings: options.groups ?? {},
      clock,
      timers,
      journal: journal("groups"),
      logger,
    });
    this.transactions = new TransactionCoordinator({
      settings: options.transactions ?? {},
      clock,
      timers,
      journal: journal("transactions"),
      logger,
      writeMarkers: (partitions, marker) => this.#writeMarkers(partitions, marker),
    });
    topics.onDelete(({ name }) => this.groups.topicDeleted(name));
  }

  /** Reads what was kept; the topics and their logs are there already. */
  start(): void {
    this.groups.start();
    this.transactions.start();
  }

  /** No timer fires any more. */
  stop(): void {
    this.groups.stop();
    this.transactions.stop();
    this.#timers.stop();
  }

  async #writeMarkers(partitions: readonly TopicPartition[], marker: Marker): Promise<void> {
    const { producerId, producerEpoch, committed } = marker;
    const logs = partitions.flatMap(({ topic, partition }) =>
      this.#options.topics.partition(topic, partition)?.log ?? []
    );
    for (const log of logs) {
      log.appendMarker(producerId, producerEpoch, COORDINATOR_EPOCH, committed ? "commit" : "abort");
    }
    for (const { topic, partition } of partitions) {
      if (topic === OFFSETS_TOPIC) this.groups.endTransaction(producerId, partition, committed);
    }
    await Promise.all([...logs.map((log) => log.flushed()), this.groups.flushed()]);
  }
}
