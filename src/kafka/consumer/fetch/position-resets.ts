import { asError, messageOf } from "../../../core/errors.ts";
import { codeField, type Logger } from "../../../core/logger.ts";
import { partitionName } from "../../../core/topic-partition.ts";
import type { Cluster } from "../../connection/cluster.ts";
import type { FetchTroubles } from "./fetch-troubles.ts";
import type { Positions } from "../positions.ts";
import type { Reading, Readings } from "./reading.ts";

/** After an error of a partition. */
export const RETRY_MS = 500;

export interface PositionResetsParts {
  readonly cluster: Pick<Cluster, "topic">;
  readonly positions: Positions;
  readonly readings: Readings;
  readonly troubles: FetchTroubles;
  readonly logger: Logger;
  /** What has come of a partition is not delivered any more. */
  forget(reading: Reading): void;
  /** It is not asked for, for so many ms. */
  pause(reading: Reading, ms: number): void;
  /** Asks for what there is of topics. */
  refresh(): Promise<void>;
}

/** Finds where reading goes on when the log is not what it was: cut back, another one, out of range, or not to be read. */
export class PositionResets {
  readonly #parts: PositionResetsParts;

  constructor(parts: PositionResetsParts) {
    this.#parts = parts;
  }

  /** What came from this offset on cannot be read. */
  corrupt(reading: Reading, offset: number, error: Error): void {
    const { forget, pause, logger } = this.#parts;
    forget(reading);
    reading.position = offset;
    reading.leaderEpoch = -1;
    pause(reading, 10 * RETRY_MS);
    logger.error(
      `${partitionName(reading)} at offset ${offset}: the broker sent a batch that cannot be read ` +
        `(${error.message}). The partition waits there; reading it again.`,
      { topic: reading.topic, partition: reading.partition, offset, code: "DECODE_FAILED" },
    );
  }

  /** A topic that was deleted and created again begins at its start: the old position is of another log. */
  async compareTopic(reading: Reading): Promise<void> {
    const { refresh, readings, cluster } = this.#parts;
    await refresh();
    if (readings.get(reading) !== reading) return; // given up meanwhile
    const topicId = cluster.topic(reading.topic)?.topicId;
    if (topicId === undefined || topicId === reading.topicId) return;
    await this.reset(reading, "the topic has been deleted and created again", topicId);
  }

  /** Until the new position is known, the topic id stays the old one, so that the old position is never used with it. */
  async reset(reading: Reading, why: string, topicId = reading.topicId): Promise<void> {
    const { forget, pause, positions, readings, troubles, logger } = this.#parts;
    forget(reading);
    pause(reading, Infinity);
    const { topic, partition, version } = reading;
    try {
      const position = await positions.earliest(reading);
      if (reading.version !== version) return;
      logger.warn(`${topic}[${partition}]: ${why}; reading on at its earliest offset, ${position}.`, {
        topic,
        partition,
        offset: position,
      });
      readings.renamed(reading, topicId);
      reading.position = position;
      reading.leaderEpoch = -1;
      reading.acks.reset(position, topicId);
      pause(reading, 0);
    } catch (error) {
      if (reading.version !== version) return;
      logger.debug(`The earliest offset of ${partitionName(reading)} is not known: ${messageOf(error)}`, {
        topic,
        partition,
        ...codeField(error),
      });
      troubles.failed(reading, asError(error));
      pause(reading, RETRY_MS);
    }
  }

  /**
   * The log was cut back below what was read of it, by an election of a leader that had not all of it: reading goes on where
   * it is another one. What was handled of the old one stays handled.
   */
  diverged(reading: Reading, endOffset: number): void {
    const { forget, pause, logger } = this.#parts;
    const { topic, partition, acks, position } = reading;
    const to = Math.min(endOffset, position);
    if (to === position) { // all that was read is there, of another epoch
      reading.leaderEpoch = -1;
      return pause(reading, 0);
    }
    const gone = Math.max(0, acks.position - to);
    const unread = position - to - gone;
    forget(reading);
    reading.position = Math.min(to, acks.position);
    reading.leaderEpoch = -1;
    acks.reset(reading.position, reading.topicId);
    pause(reading, 0);
    logger.warn(
      `${topic}[${partition}]: its log was cut back from offset ${position} to ${to} (an unclean leader election): ` +
        `${gone} messages that this worker has handled are gone, and ${unread} that it has not. ` +
        `Reading on at offset ${reading.position}.`,
      { topic, partition, offset: reading.position },
    );
  }
}
