import { Code } from "../../wire/error-codes.ts";
import { type Member, metadataOf, vote } from "./member.ts";
import { subscribedTopics } from "./subscriptions.ts";
import type { Timer } from "./timers.ts";
import type { GroupState, JoinAnswer, JoinedMember, Protocol, SyncAnswer } from "./types.ts";

/** The states from which a group may go to another. */
const BEFORE: Readonly<Record<GroupState, readonly GroupState[]>> = {
  Empty: ["PreparingRebalance"],
  PreparingRebalance: ["Stable", "CompletingRebalance", "Empty"],
  CompletingRebalance: ["PreparingRebalance"],
  Stable: ["CompletingRebalance"],
  Dead: ["Stable", "PreparingRebalance", "CompletingRebalance", "Empty", "Dead"],
};

/** What a group knows. What happens in it, and when, is for the coordinator. */
export class Group {
  readonly id: string;
  state: GroupState = "Empty";
  previousState: GroupState = "Dead";
  /** Since when it is in its state, in ms since 1970. */
  since: number;
  generationId = 0;
  /** Null: nobody has joined yet; only offsets are committed in it. */
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  readonly members = new Map<string, Member>();
  /** Told their ids, but have not come back with them yet: the timers that end their wait. */
  readonly pendingMembers = new Map<string, Timer>();
  /** Those of the current generation that have not sent SyncGroup yet. */
  readonly pendingSyncs = new Set<string>();
  /** Topics of all members; null: not known. */
  topics: ReadonlySet<string> | null = null;
  /** Another member has come during the initial delay, which is then waited once more. */
  newMemberAdded = false;
  joinTimer: Timer | null = null;
  syncTimer: Timer | null = null;
  readonly #statics = new Map<string, string>();

  constructor(id: string, now: number) {
    this.id = id;
    this.since = now;
  }

  get isConsumerGroup(): boolean {
    return this.protocolType === "consumer";
  }

  get canRebalance(): boolean {
    return BEFORE.PreparingRebalance.includes(this.state);
  }

  get allHaveJoined(): boolean {
    return this.pendingMembers.size === 0 && this.joining === this.members.size;
  }

  /** How many JoinGroup requests are parked. */
  get joining(): number {
    let count = 0;
    for (const { join } of this.members.values()) if (join !== null) count++;
    return count;
  }

  /** The longest that any of the members may take to rejoin. */
  get rebalanceTimeoutMs(): number {
    return Math.max(0, ...[...this.members.values()].map((member) => member.rebalanceTimeoutMs));
  }

  to(state: GroupState, now: number): void {
    if (!BEFORE[state].includes(this.state)) throw new Error(`group ${this.id}: from ${this.state} to ${state}`);
    this.previousState = this.state;
    this.state = state;
    this.since = now;
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId;
  }

  /** The member that has this instance id. */
  staticMember(instanceId: string): string | undefined {
    return this.#statics.get(instanceId);
  }

  add(member: Member, protocolType: string): void {
    if (this.members.size === 0) this.protocolType = protocolType;
    if (member.groupInstanceId !== null) this.#statics.set(member.groupInstanceId, member.id);
    this.leaderId ??= member.id;
    this.members.set(member.id, member);
    this.forgetPending(member.id);
  }

  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member !== undefined) {
      member.session?.cancel();
      this.members.delete(memberId);
      if (member.groupInstanceId !== null) this.#statics.delete(member.groupInstanceId);
    }
    if (this.isLeader(memberId)) this.leaderId = this.members.keys().next().value ?? null;
    this.forgetPending(memberId);
    this.pendingSyncs.delete(memberId);
  }

  forgetPending(memberId: string): void {
    this.pendingMembers.get(memberId)?.cancel();
    this.pendingMembers.delete(memberId);
  }

  /** Puts a static member that came back under a new id in the place of its old one. */
  replace(member: Member, newId: string): Member {
    member.session?.cancel();
    this.members.delete(member.id);
    const replacement: Member = { ...member, id: newId, join: null, sync: null, isNew: false, session: null };
    this.members.set(newId, replacement);
    if (this.isLeader(member.id)) this.leaderId = newId;
    if (member.groupInstanceId !== null) this.#statics.set(member.groupInstanceId, newId);
    return replacement;
  }

  /** Makes one that has rejoined the leader, if the leader has not. False: nobody has rejoined. */
  electLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.members.get(this.leaderId)?.join != null) return true;
    for (const { id, join } of this.members.values()) {
      if (join === null) continue;
      this.leaderId = id;
      return true;
    }
    return false;
  }

  supports(protocolType: string, protocols: readonly Protocol[]): boolean {
    if (this.state === "Empty") return protocolType !== "" && protocols.length > 0;
    return protocolType === this.protocolType && protocols.some(({ name }) => this.#isOfferedByAll(name));
  }

  /** The protocol that all offer and most prefer. */
  selectProtocol(): string {
    const members = [...this.members.values()];
    const offered = new Set(members.flatMap(({ protocols }) => protocols.map(({ name }) => name)));
    const candidates = new Set([...offered].filter((name) => this.#isOfferedByAll(name)));
    const votes = new Map<string, number>();
    for (const member of members) {
      const name = vote(member, candidates);
      if (name !== undefined) votes.set(name, (votes.get(name) ?? 0) + 1);
    }
    const [best] = [...votes].sort(([, a], [, b]) => b - a);
    if (best === undefined) throw new Error(`the members of group ${this.id} have no protocol in common`);
    return best[0];
  }

  nextGeneration(now: number): void {
    this.generationId++;
    this.protocolName = this.members.size > 0 ? this.selectProtocol() : null;
    this.topics = subscribedTopics(this);
    this.pendingSyncs.clear();
    this.to(this.members.size > 0 ? "CompletingRebalance" : "Empty", now);
  }

  /** Whether a request may come from this member: the error code if not. */
  validate(memberId: string, instanceId: string | null): Code {
    if (instanceId !== null) {
      const existing = this.staticMember(instanceId);
      if (existing === undefined) return Code.UNKNOWN_MEMBER_ID;
      if (existing !== memberId) return Code.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? Code.NONE : Code.UNKNOWN_MEMBER_ID;
  }

  /** All members, for the leader to assign. */
  joined(): JoinedMember[] {
    return [...this.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      metadata: metadataOf(member, this.protocolName),
    }));
  }

  #isOfferedByAll(name: string): boolean {
    for (const { protocols } of this.members.values()) {
      if (!protocols.some((protocol) => protocol.name === name)) return false;
    }
    return true;
  }
}

/** Answers a parked JoinGroup, if there is one. */
export function answerJoin(member: Member, answer: JoinAnswer): void {
  const { join } = member;
  member.join = null;
  join?.(answer);
}

/** Answers a parked SyncGroup, if there is one; says whether there was. */
export function answerSync(member: Member, answer: SyncAnswer): boolean {
  const { sync } = member;
  member.sync = null;
  sync?.(answer);
  return sync !== null;
}
