import type { Clock } from "../../core/clock.ts";
import { Code } from "../../wire/error-codes.ts";
import type { KeyValueJournal } from "../key-value-journal.ts";
import { formatKey, type Key } from "./keys.ts";
import { type CommittedOffset, Offsets } from "./offsets.ts";
import { offsetsPartition } from "../topics/offsets-topic.ts";
import { decodeOffset, encodeOffset } from "./storage.ts";
import type { MemberIdentity } from "./types.ts";

/** One offset of a commit request. */
export interface OffsetToCommit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

/** What a commit has in common for all of its offsets. */
export interface Commit extends MemberIdentity {
  /** Ms that the offsets are kept, if the client says so itself (versions 2 to 4); else null. */
  readonly retentionMs?: number | null;
}

/** The offsets of all groups; who may commit them is found out before. */
export class CommittedOffsets {
  readonly #groups = new Map<string, Offsets>();
  readonly #journal: KeyValueJournal;
  readonly #clock: Pick<Clock, "wall">;
  readonly #maxMetadata: number;
  #order = 0;

  constructor(journal: KeyValueJournal, clock: Pick<Clock, "wall">, maxMetadata: number) {
    this.#journal = journal;
    this.#clock = clock;
    this.#maxMetadata = maxMetadata;
  }

  of(groupId: string): Offsets | undefined {
    return this.#groups.get(groupId);
  }

  forget(groupId: string): void {
    this.#groups.get(groupId)?.deleteAll();
    this.#groups.delete(groupId);
  }

  /** Commits offsets, or with a producer id: once its transaction is committed. An error code for each. */
  commit(commit: Commit, offsets: readonly OffsetToCommit[], producerId: number | null = null): Code[] {
    const { groupId, retentionMs = null } = commit;
    const held = this.#held(groupId);
    const committedAt = this.#clock.wall();
    // Old clients may ask for as long as the protocol can say.
    const expiresAt = retentionMs === null ? null : Math.min(committedAt + retentionMs, Number.MAX_SAFE_INTEGER);
    return offsets.map(({ topic, partition, offset, leaderEpoch, metadata: said }) => {
      const metadata = said ?? "";
      if (metadata.length > this.#maxMetadata) return Code.OFFSET_METADATA_TOO_LARGE;
      const value = { offset, leaderEpoch, metadata, committedAt, expiresAt, order: ++this.#order };
      if (producerId === null) held.commit(topic, partition, value);
      else held.commitLater(producerId, topic, partition, value);
      return Code.NONE;
    });
  }

  /** A transaction has ended that has this partition of the internal topic in it. */
  endTransaction(producerId: number, partition: number, committed: boolean): void {
    for (const [groupId, offsets] of this.#groups) {
      if (offsetsPartition(groupId) === partition) offsets.end(producerId, committed);
    }
  }

  deleteTopic(topic: string): void {
    for (const offsets of this.#groups.values()) offsets.deleteTopic(topic);
  }

  /** Takes up what was kept. */
  restore(key: Exclude<Key, readonly ["group", string]>, value: Uint8Array): void {
    const offset = decodeOffset(value);
    this.#order = Math.max(this.#order, offset.order);
    const held = this.#held(key[1]);
    if (key[0] === "offset") held.committed.set(key[2], key[3], offset);
    else held.restorePending(key[4], key[2], key[3], offset);
  }

  #held(groupId: string): Offsets {
    let offsets = this.#groups.get(groupId);
    if (offsets !== undefined) return offsets;
    offsets = new Offsets({
      committed: (topic, partition, value) => this.#keep(["offset", groupId, topic, partition], value),
      pending: (producerId, topic, partition, value) =>
        this.#keep(["pending", groupId, topic, partition, producerId], value),
    });
    this.#groups.set(groupId, offsets);
    return offsets;
  }

  #keep(key: Key, value: CommittedOffset | null): void {
    if (value === null) this.#journal.delete(formatKey(key));
    else this.#journal.put(formatKey(key), encodeOffset(value));
  }
}
