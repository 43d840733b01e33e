import type { Clock } from "../../core/clock.ts";
import type { Logger } from "../../core/logger.ts";
import type { Group } from "./group.ts";
import type { Timers } from "./timers.ts";

/** What can be set about groups, in the words of Kafka's `server.properties`. */
export interface GroupSettings {
  /** `group.min.session.timeout.ms` */
  readonly minSessionTimeoutMs: number;
  /** `group.max.session.timeout.ms` */
  readonly maxSessionTimeoutMs: number;
  /** `group.initial.rebalance.delay.ms` */
  readonly initialRebalanceDelayMs: number;
  /** `group.max.size` */
  readonly maxSize: number;
  /** How long a new member may wait for its first generation without a heartbeat; Kafka has no setting for it. */
  readonly newMemberJoinTimeoutMs: number;
  /** `offset.metadata.max.bytes` */
  readonly offsetMetadataMaxBytes: number;
  /** `offsets.retention.minutes`, in ms. */
  readonly offsetsRetentionMs: number;
  /** `offsets.retention.check.interval.ms` */
  readonly offsetsRetentionCheckIntervalMs: number;
}

/**
 * Kafka's own defaults, but for one: the first member of an empty group is not kept waiting for others, which on one
 * machine only costs time (3 s on Kafka). A group settles the same way, in one rebalance more for each later member.
 */
export const groupDefaults: GroupSettings = {
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 30 * 60_000,
  initialRebalanceDelayMs: 0,
  maxSize: 2 ** 31 - 1,
  newMemberJoinTimeoutMs: 5 * 60_000,
  offsetMetadataMaxBytes: 4096,
  offsetsRetentionMs: 7 * 24 * 60 * 60_000,
  offsetsRetentionCheckIntervalMs: 10 * 60_000,
};

/** What the groups live in. */
export interface Surroundings {
  readonly settings: GroupSettings;
  readonly clock: Pick<Clock, "wall">;
  readonly timers: Timers;
  readonly logger: Logger;
  /** A new unique part of a member id. */
  readonly uuid: () => string;
  /** Keeps what a restarted broker has to know of the group. */
  readonly keep: (group: Group) => void;
}
