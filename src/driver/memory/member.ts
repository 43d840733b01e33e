import type { Lease } from "../../core/lease.ts";
import { MephistoError } from "../../core/errors.ts";
import { leaseTerms, type MemberError, MemberLease, type Verdict } from "../../core/member-lease.ts";
import type { Host } from "./host.ts";
import type { JoinOptions, TopicPartition } from "../driver.ts";
import { type Assign, type Member as Subscriber, outcomes, statedOf } from "../group-plan.ts";
import { type Assignment, type GroupError, type Joined, NOTHING, type Synced } from "./groups.ts";
import type { MemoryLog } from "./memory-log.ts";
import { Line, type Network } from "./network.ts";

/** After a failure, and before the second of two hurried heartbeats, in ms. */
const AGAIN = [100, 25] as const;

/** What a group tells the one who is in it. */
export interface GroupListener {
  owned(): readonly TopicPartition[];
  claim(): number;
  synced(assignment: Assignment, notBefore: number): void;
  expelled(): void;
  failed(error: MephistoError): void;
}

export interface MemberParts {
  readonly log: MemoryLog;
  readonly network: Network;
  readonly host: Host;
  readonly assign: Assign;
  /** Of this run of the process. */
  readonly incarnation: string;
  /** How much earlier than the log's own reckoning a lease ends, in ms. Default as over Kafka. */
  readonly margin?: number;
  /** Is given what each member keeps of its lease before it joins, and may meddle with it. */
  readonly meddle?: (member: MemberLease) => void;
}

/** Thrown to begin another round at once. */
class AnotherRound extends Error {}

/** A member of a group by the classic protocol, as the one over Kafka: joins and heartbeats on connections of their own. */
export class GroupMember {
  lastContact = -Infinity;
  readonly #member: MemberLease;
  readonly #parts: MemberParts;
  readonly #options: JoinOptions;
  readonly #listener: GroupListener;
  readonly #rebalance: number;
  readonly #joining: Line;
  readonly #beating: Line;
  readonly #stated: ReturnType<typeof statedOf>;
  #eligible = true;
  #resigns = false;
  #hasSaid = false;
  #resigned: (() => void)[] = [];
  #wanted = true;
  #stopped = false;
  #wake: (() => void) | undefined;
  #othersTurn: (() => void) | undefined;
  /** The incarnation that the latest generation has elected, and the one that is asked to stand down. */
  #master = "";
  #asks = "";
  #draining = false;
  /** Ends the pause before the next heartbeat; how many more are to be sent sooner than their time. */
  #beatNow: (() => void) | undefined;
  #soon = 0;
  /** When the last heartbeat was sent, on the monotonic clock. */
  #beaten = -Infinity;

  constructor(parts: MemberParts, options: JoinOptions, listener: GroupListener) {
    this.#parts = parts;
    this.#options = options;
    this.#stated = statedOf(options.profile);
    this.#listener = listener;
    this.#joining = new Line(parts.network, parts.host);
    this.#beating = new Line(parts.network, parts.host);
    const terms = leaseTerms(options.sessionTimeout);
    this.#rebalance = terms.rebalance;
    const { margin = terms.margin, incarnation, host } = parts;
    this.#member = new MemberLease({ ...terms, margin }, { incarnation, instanceId: options.instanceId }, host);
    parts.meddle?.(this.#member);
  }

  get lease(): Lease {
    return this.#member.lease;
  }

  get memberId(): string {
    return this.#member.memberId;
  }

  get generation(): number {
    return this.#member.generation;
  }

  get synced(): boolean {
    return this.#member.synced;
  }

  /** In ms. */
  get session(): number {
    return this.#options.sessionTimeout;
  }

  start(): void {
    void this.#run();
    void this.#beat();
  }

  rejoin(): void {
    this.#wanted = true;
    this.#wake?.();
  }

  resign(): Promise<void> {
    this.#resigns = true;
    this.#eligible = false;
    this.rejoin();
    return new Promise((resolve) => this.#resigned.push(resolve));
  }

  /** Does not stand until another one has been elected, or a session has passed. */
  async standDown(): Promise<void> {
    this.#eligible = false;
    this.rejoin();
    const over = new AbortController();
    this.#othersTurn = () => over.abort();
    await this.#parts.host.sleep(this.#options.sessionTimeout, over.signal);
    this.#eligible = !this.#resigns;
    if (!over.signal.aborted) this.rejoin(); // nobody else can
  }

  /** From the next round on it takes no partitions. */
  drain(): void {
    this.#draining = true;
  }

  askToResign(): void {
    this.#asks = this.#master;
    this.rejoin();
  }

  async evict(memberId: string): Promise<void> {
    await this.ask("LeaveGroup", (group) => group.leave(memberId));
    this.hurry();
  }

  /** Asks at once whether there is another generation, and once more a moment later. */
  hurry(): void {
    this.#soon = 2;
    this.#beatNow?.();
  }

  /** Asks the coordinator as a member, on the connection of the heartbeats. Errors: `UNREACHABLE`. */
  ask<T>(name: string, ask: (group: ReturnType<MemoryLog["group"]>) => T): Promise<T> {
    const { log } = this.#parts;
    const timeout = Math.min(3000, this.#options.sessionTimeout / 3);
    return this.#beating.call<T>(name, timeout, (reply) => reply(ask(log.group(this.#options.group))));
  }

  async leave(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    this.#joining.drop();
    const memberId = this.#member.leave();
    if (memberId !== "" && this.#options.instanceId === undefined) {
      await this.ask("LeaveGroup", (group) => group.leave(memberId)).catch(() => {});
    }
    this.#beating.drop();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (this.#wanted) await this.#round();
        else await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
      } catch (error) {
        if (!(error instanceof AnotherRound)) await this.#parts.host.sleep(AGAIN[0]);
      }
    }
  }

  async #round(): Promise<void> {
    this.#wanted = false;
    this.#member.joining = true;
    try {
      const joined = await this.#join();
      const plan = joined.leader === this.memberId ? await this.#plan(joined.members) : new Map<string, Assignment>();
      await this.#sync(plan);
    } catch (error) {
      this.#wanted = true;
      throw error;
    } finally {
      this.#member.joining = false;
    }
  }

  async #join(): Promise<Joined> {
    const { topics, profile, instanceId = null, sessionTimeout: session, group } = this.#options;
    const { log, incarnation } = this.#parts;
    const claim = this.#member.claim(this.#listener.claim());
    const patience = this.#member.patience.asked;
    const eligible = profile.mayBeMaster && this.#eligible;
    const data = {
      ...this.#stated,
      incarnation,
      claim,
      eligible,
      patience,
      asks: this.#asks,
      draining: this.#draining,
    };
    const subscription = {
      instanceId,
      topics,
      owned: [...this.#listener.owned()],
      generation: this.generation,
      data,
    };
    this.#hasSaid = !this.#eligible;
    const sent = this.#member.sending();
    const request = { memberId: this.memberId, session, rebalance: this.#rebalance, subscription };
    const timeout = this.#rebalance + 2 * session;
    const answer = await this.#joining.call<Joined>(
      "JoinGroup",
      timeout,
      (reply) => log.group(group).join(request, reply),
    );
    this.#contact();
    if (answer.error === "MEMBER_ID_REQUIRED") {
      this.#member.named(answer.memberId);
      return await this.#join();
    }
    this.#obey(this.#member.joined(sent, memberError(answer.error), answer), answer.error);
    return answer;
  }

  /** As the leader: who gets what, and who is master. */
  async #plan(members: readonly Subscriber[]): Promise<Map<string, Assignment>> {
    const { log, assign } = this.#parts;
    const topics = [...new Set(members.flatMap(({ topics }) => topics))].sort();
    const counts = await this.#joining.call<Map<string, number>>(
      "Metadata",
      3000,
      (reply) => reply(new Map(topics.map((topic) => [topic, log.topics.get(topic)?.partitions.length ?? 0]))),
    );
    const plan = assign(members, counts, this.memberId);
    return new Map(
      outcomes(members, plan).map(({ member: { memberId }, outcome: { peers, ...outcome } }) => [memberId, {
        ...outcome,
        partitions: plan.partitions.get(memberId) ?? [],
        peers: peers.map(({ memberId: id, worker, presence }) => ({ id, worker, presence })),
      }]),
    );
  }

  async #sync(plan: ReadonlyMap<string, Assignment>): Promise<void> {
    const { log } = this.#parts;
    const { memberId, generation } = this;
    const { group, sessionTimeout } = this.#options;
    const sent = this.#member.sending();
    const { error, assignment } = await this.#joining.call<Synced>(
      "SyncGroup",
      2 * sessionTimeout,
      (reply) => log.group(group).sync(memberId, generation, plan, reply),
    );
    this.#contact();
    this.#obey(this.#member.syncAnswered(sent, memberError(error)), error);
    const given = assignment ?? NOTHING;
    this.#master = given.master;
    if (this.#member.decided(given, sent)) this.rejoin();
    this.#listener.synced(given, this.#member.patience.notBefore);
    if (!this.#hasSaid) return;
    if (given.master !== "" && given.master !== this.#parts.incarnation) this.#othersTurn?.();
    for (const resolve of this.#resigned.splice(0)) resolve();
  }

  async #beat(): Promise<void> {
    while (!this.#stopped) {
      await this.#pause();
      this.#beaten = this.#parts.host.monotonic();
      const { memberId, generation } = this;
      if (this.#stopped || memberId === "" || generation < 0) continue;
      const sent = this.#member.sending();
      try {
        const error = await this.ask("Heartbeat", (group) => group.heartbeat(memberId, generation));
        this.#contact();
        this.#obey(this.#member.heartbeat(sent, memberError(error)), error);
      } catch (error) {
        if (this.#stopped) return;
        if (error instanceof AnotherRound) this.rejoin();
        else this.#joining.drop(); // a JoinGroup that is parked on a connection that is gone would wait for minutes
      }
    }
  }

  async #pause(): Promise<void> {
    const { host } = this.#parts;
    const interval = this.#options.heartbeatInterval;
    if (this.#soon < 2) {
      await new Promise<void>((resolve) => {
        // From one sending to the next: an answer may be read late, in a process that is busy, and the next is due then.
        const left = interval - Math.min(host.monotonic() - this.#beaten, interval);
        const entry = host.after(this.#soon === 0 ? left : Math.min(AGAIN[1], interval), "timer", resolve);
        this.#beatNow = () => {
          entry.run = undefined;
          resolve();
        };
      });
    }
    this.#soon = Math.max(0, this.#soon - 1);
  }

  /** Does what an answer asks for. Throws unless it is good, or says nothing. */
  #obey(verdict: Verdict, error: GroupError | undefined): void {
    switch (verdict) {
      case "good":
      case "ignored":
        return;
      case "rejoin":
        throw new AnotherRound();
      case "expelled":
        this.#listener.expelled();
        throw new AnotherRound();
      case "refused": {
        const { group, instanceId } = this.#options;
        const refused = new MephistoError(
          "PROTOCOL",
          `Group ${group} refuses ${instanceId ?? "this member"}: ${error}.`,
        );
        if (error === "FENCED_INSTANCE_ID") this.#fail(refused);
        throw refused;
      }
    }
  }

  #fail(error: MephistoError): void {
    this.#stopped = true;
    this.#member.end();
    this.#listener.expelled();
    this.#listener.failed(error);
  }

  #contact(): void {
    this.lastContact = this.#parts.host.monotonic();
  }
}

/** What an error says of a member's place. */
function memberError(error: GroupError | undefined): MemberError | undefined {
  switch (error) {
    case "NOT_COORDINATOR":
    case "MEMBER_ID_REQUIRED":
    case "FENCED_INSTANCE_ID":
      return "OTHER";
    default:
      return error;
  }
}
