import type { Clock } from "../../core/clock.ts";
import { type Logger, silent } from "../../core/logger.ts";
import { Code } from "../../wire/error-codes.ts";
import type { KeyValueJournal } from "../key-value-journal.ts";
import { renewByCommit, validateCommit } from "./commit.ts";
import { expireOffsets } from "./expiry.ts";
import { Group } from "./group.ts";
import { join } from "./join.ts";
import { formatKey, parseKey } from "./keys.ts";
import { leave, type Leaver } from "./leave.ts";
import { type Commit, CommittedOffsets, type OffsetToCommit } from "./committed-offsets.ts";
import type { Offsets } from "./offsets.ts";
import { prepare, renewSession } from "./rebalance.ts";
import { groupDefaults, type GroupSettings, type Surroundings } from "./settings.ts";
import { encodeGroup, restoreGroup } from "./storage.ts";
import { isSubscribed } from "./subscriptions.ts";
import { heartbeat, sync } from "./sync.ts";
import type { Timer, Timers } from "./timers.ts";
import {
  type Answer,
  type JoinAnswer,
  type JoinRequest,
  type MemberIdentity,
  refusedJoin,
  refusedSync,
  type SyncAnswer,
  type SyncRequest,
} from "./types.ts";

export interface GroupCoordinatorOptions {
  readonly settings?: Partial<GroupSettings>;
  readonly clock: Pick<Clock, "wall">;
  readonly timers: Timers;
  readonly journal: KeyValueJournal;
  readonly logger?: Logger;
  /** A new unique part of a member id. */
  readonly uuid?: () => string;
}

/** All groups: finds the group of a request, and keeps what a restart must not lose. */
export class GroupCoordinator {
  readonly settings: GroupSettings;
  readonly #groups = new Map<string, Group>();
  readonly #ledger: CommittedOffsets;
  readonly #around: Surroundings;
  readonly #journal: KeyValueJournal;
  #cleaning: Timer | null = null;

  constructor(options: GroupCoordinatorOptions) {
    const { clock, timers, journal, logger = silent, uuid = () => crypto.randomUUID() } = options;
    const settings = this.settings = { ...groupDefaults, ...options.settings };
    this.#journal = journal;
    this.#ledger = new CommittedOffsets(journal, clock, settings.offsetMetadataMaxBytes);
    const keep = (group: Group) => journal.put(formatKey(["group", group.id]), encodeGroup(group));
    this.#around = { settings, clock, timers, logger, uuid, keep };
  }

  /** Reads what was kept, and begins to clean up now and then. Members get whole sessions to be heard of again. */
  start(): void {
    for (const [text, value] of this.#journal.entries()) {
      const key = parseKey(text);
      if (key?.[0] === "group") this.#restore(key[1], value);
      else if (key !== undefined) this.#ledger.restore(key, value);
    }
    for (const group of this.#groups.values()) {
      for (const member of group.members.values()) renewSession(group, member, this.#around);
      if (group.members.size > this.settings.maxSize) prepare(group, this.#around, "there are too many members");
    }
    this.#scheduleCleaning();
  }

  stop(): void {
    this.#cleaning?.cancel();
    for (const group of this.#groups.values()) {
      for (const timer of [group.joinTimer, group.syncTimer, ...group.pendingMembers.values()]) timer?.cancel();
      for (const { session } of group.members.values()) session?.cancel();
    }
  }

  group(groupId: string): Group | undefined {
    return this.#groups.get(groupId);
  }

  groups(): Iterable<Group> {
    return this.#groups.values();
  }

  join(request: JoinRequest, answer: Answer<JoinAnswer>): void {
    const { groupId, memberId, sessionTimeoutMs } = request;
    if (groupId === "") return answer(refusedJoin(Code.INVALID_GROUP_ID, memberId));
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.settings;
    if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
      return answer(refusedJoin(Code.INVALID_SESSION_TIMEOUT, memberId));
    }
    const known = this.#groups.get(groupId);
    if (known === undefined && memberId !== "") return answer(refusedJoin(Code.UNKNOWN_MEMBER_ID, memberId));
    join(known ?? this.#create(groupId), request, this.#around, answer);
  }

  sync(request: SyncRequest, answer: Answer<SyncAnswer>): void {
    if (request.groupId === "") return answer(refusedSync(Code.INVALID_GROUP_ID));
    const group = this.#groups.get(request.groupId);
    if (group === undefined) return answer(refusedSync(Code.UNKNOWN_MEMBER_ID));
    sync(group, request, this.#around, answer);
  }

  heartbeat(request: MemberIdentity): Code {
    if (request.groupId === "") return Code.INVALID_GROUP_ID;
    const group = this.#groups.get(request.groupId);
    return group === undefined ? Code.UNKNOWN_MEMBER_ID : heartbeat(group, request, this.#around);
  }

  /** An error code for each. */
  leave(groupId: string, leavers: readonly Leaver[]): Code[] {
    const group = this.#groups.get(groupId);
    return group === undefined ? leavers.map(() => Code.UNKNOWN_MEMBER_ID) : leave(group, leavers, this.#around);
  }

  /** Commits offsets: an error code for each. `unknownGroup` is the error of a member of a group that is not there. */
  commit(commit: Commit, offsets: readonly OffsetToCommit[], unknownGroup: Code): Code[] {
    const error = this.#validateCommit(commit, false, unknownGroup);
    if (error !== Code.NONE) return offsets.map(() => error);
    const group = this.#groups.get(commit.groupId);
    if (group !== undefined) renewByCommit(group, commit.memberId, this.#around);
    return this.#ledger.commit(commit, offsets);
  }

  /** Commits offsets that count once the producer's transaction is committed: an error code for each. */
  commitLater(producerId: number, commit: Commit, offsets: readonly OffsetToCommit[]): Code[] {
    const error = this.#validateCommit(commit, true, Code.ILLEGAL_GENERATION);
    if (error !== Code.NONE) return offsets.map(() => error);
    return this.#ledger.commit(commit, offsets, producerId);
  }

  /** A transaction has ended that has this partition of the internal topic in it. */
  endTransaction(producerId: number, partition: number, committed: boolean): void {
    this.#ledger.endTransaction(producerId, partition, committed);
  }

  /** The offsets of a group; none if it has no such. */
  offsets(groupId: string): Offsets | undefined {
    return this.#groups.has(groupId) ? this.#ledger.of(groupId) : undefined;
  }

  /** DeleteGroups, for one: the error code. */
  delete(groupId: string): Code {
    const group = this.#groups.get(groupId);
    if (group === undefined) return Code.GROUP_ID_NOT_FOUND;
    if (group.state !== "Empty") return Code.NON_EMPTY_GROUP;
    this.#remove(group);
    return Code.NONE;
  }

  /** OffsetDelete: the error code of the whole. */
  offsetDeletionError(groupId: string): Code {
    if (groupId === "") return Code.INVALID_GROUP_ID;
    const group = this.#groups.get(groupId);
    if (group === undefined) return Code.GROUP_ID_NOT_FOUND;
    return group.state !== "Empty" && !group.isConsumerGroup ? Code.NON_EMPTY_GROUP : Code.NONE;
  }

  /** Deletes an offset that nobody reads on from: the error code of the partition. */
  deleteOffset(groupId: string, topic: string, partition: number): Code {
    const group = this.#groups.get(groupId);
    if (group !== undefined && isSubscribed(group, topic)) return Code.GROUP_SUBSCRIBED_TO_TOPIC;
    this.#ledger.of(groupId)?.delete(topic, partition);
    return Code.NONE;
  }

  /** Resolves once all that has been promised survives a crash. */
  flushed(): Promise<void> {
    return this.#journal.flushed();
  }

  /** Offsets do not outlive their topic. */
  topicDeleted(topic: string): void {
    this.#ledger.deleteTopic(topic);
  }

  /** Deletes offsets that have expired, and groups that nothing is left of. */
  clean(): void {
    const now = this.#around.clock.wall();
    for (const group of [...this.#groups.values()]) {
      const offsets = this.#ledger.of(group.id);
      if (offsets !== undefined) expireOffsets(group, offsets, now, this.settings.offsetsRetentionMs);
      if (group.state === "Empty" && group.pendingMembers.size === 0 && (offsets?.isEmpty ?? true)) this.#remove(group);
    }
  }

  #scheduleCleaning(): void {
    this.#cleaning = this.#around.timers.after(this.settings.offsetsRetentionCheckIntervalMs, () => {
      this.clean();
      this.#scheduleCleaning();
    });
  }

  #validateCommit(commit: Commit, isTransactional: boolean, unknownGroup: Code): Code {
    const group = this.#groups.get(commit.groupId);
    if (group !== undefined) return validateCommit(group, commit, isTransactional);
    if (commit.generationId >= 0) return unknownGroup;
    this.#create(commit.groupId);
    return Code.NONE;
  }

  #create(groupId: string): Group {
    const group = new Group(groupId, this.#around.clock.wall());
    this.#groups.set(groupId, group);
    this.#around.keep(group);
    return group;
  }

  #remove(group: Group): void {
    for (const timer of group.pendingMembers.values()) timer.cancel();
    group.to("Dead", this.#around.clock.wall());
    this.#groups.delete(group.id);
    this.#ledger.forget(group.id);
    this.#journal.delete(formatKey(["group", group.id]));
  }

  #restore(groupId: string, value: Uint8Array): void {
    const group = new Group(groupId, 0);
    restoreGroup(group, value);
    this.#groups.set(groupId, group);
  }
}
