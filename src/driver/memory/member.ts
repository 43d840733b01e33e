import { Lease } from "../../core/lease.ts";
import { MephistoError } from "../../core/errors.ts";
import type { Host } from "./host.ts";
import type { JoinOptions, TopicPartition } from "../driver.ts";
import { type Assign, peersOf, type Subscriber } from "./assign.ts";
import { type Assignment, type GroupError, type Joined, NOTHING, type Synced } from "./groups.ts";
import type { MemoryLog } from "./memory-log.ts";
import { Line, type Network } from "./network.ts";

/** The group removes a member that has not joined again for this many sessions. */
const REBALANCE_SESSIONS = 5;
/** After a failure, and before the second of two hurried heartbeats, in ms. */
const AGAIN = [100, 25] as const;

/** What a group tells the one who is in it. */
export interface GroupListener {
  owned(): readonly TopicPartition[];
  claim(): number;
  synced(assignment: Assignment, notBefore: number): void;
  expelled(): void;
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
}

/** Thrown to begin another round at once. */
class AnotherRound extends Error {}

/** A member of a group by the classic protocol, as the one over Kafka: joins and heartbeats on connections of their own. */
export class GroupMember {
  readonly lease: Lease;
  memberId = "";
  generation = -1;
  synced = false;
  lastContact = -Infinity;
  readonly #parts: MemberParts;
  readonly #options: JoinOptions;
  readonly #listener: GroupListener;
  readonly #rebalance: number;
  readonly #joining: Line;
  readonly #beating: Line;
  #eligible = true;
  #resigns = false;
  #hasSaid = false;
  #resigned: (() => void)[] = [];
  #wanted = true;
  #joins = false;
  #stopped = false;
  #wake: (() => void) | undefined;
  #notBefore = -Infinity;
  /** The group has no reason to expel this member before. */
  #aliveUntil = -Infinity;
  #othersTurn: (() => void) | undefined;
  /** The incarnation that the latest generation has elected, and the one that is asked to stand down. */
  #master = "";
  #asks = "";
  /** Ends the pause before the next heartbeat; how many more are to be sent sooner than their time. */
  #beatNow: (() => void) | undefined;
  #soon = 0;

  constructor(parts: MemberParts, options: JoinOptions, listener: GroupListener) {
    this.#parts = parts;
    this.#options = options;
    this.#listener = listener;
    this.#joining = new Line(parts.network, parts.host);
    this.#beating = new Line(parts.network, parts.host);
    const session = options.sessionTimeout;
    this.#rebalance = REBALANCE_SESSIONS * session;
    const { margin = Math.max(500, session / 12) } = parts;
    const terms = { session, rebalance: this.#rebalance, margin };
    this.lease = new Lease(terms, parts.host);
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
    this.lease.end();
    this.synced = false;
    const { memberId } = this;
    if (memberId !== "") await this.ask("LeaveGroup", (group) => group.leave(memberId)).catch(() => {});
    this.memberId = "";
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
    this.#joins = true;
    try {
      const joined = await this.#join();
      const plan = joined.leader === this.memberId ? await this.#plan(joined.members) : new Map<string, Assignment>();
      await this.#sync(plan);
    } catch (error) {
      this.#wanted = true;
      throw error;
    } finally {
      this.#joins = false;
    }
  }

  async #join(): Promise<Joined> {
    const { topics, profile, instanceId = null, sessionTimeout: session, group } = this.#options;
    const { log, incarnation } = this.#parts;
    const claim = this.#listener.claim();
    const patience = Math.max(0, Math.ceil(this.#notBefore - this.#parts.host.monotonic()));
    const { mayBeMaster, ...said } = profile;
    const eligible = mayBeMaster && this.#eligible;
    const data = { ...said, incarnation, claim, eligible, patience, asks: this.#asks };
    const subscription = {
      instanceId,
      topics,
      owned: [...this.#listener.owned()],
      generation: this.generation,
      data,
    };
    this.#hasSaid = !this.#eligible;
    const sent = this.lease.now();
    const request = { memberId: this.memberId, session, rebalance: this.#rebalance, subscription };
    const timeout = this.#rebalance + 2 * session;
    const answer = await this.#joining.call<Joined>(
      "JoinGroup",
      timeout,
      (reply) => log.group(group).join(request, reply),
    );
    if (this.#stopped) throw new AnotherRound();
    this.#contact();
    if (answer.error === "MEMBER_ID_REQUIRED") {
      this.memberId = answer.memberId;
      return await this.#join();
    }
    this.#heard(answer.error);
    this.memberId = answer.memberId;
    this.generation = answer.generation;
    this.synced = false;
    this.#renew(sent);
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
    const { partitions, master, patience, heir, resign } = plan;
    return new Map(members.map((member) => [member.memberId, {
      partitions: partitions.get(member.memberId) ?? [],
      master: master?.data.incarnation ?? "",
      worker: master?.data.worker ?? "",
      members: members.length,
      patience,
      heir: heir?.data.worker ?? "",
      resign,
      peers: peersOf(member, members, plan),
    }]));
  }

  async #sync(plan: ReadonlyMap<string, Assignment>): Promise<void> {
    const { log, host } = this.#parts;
    const { memberId, generation } = this;
    const { group, sessionTimeout } = this.#options;
    const sent = this.lease.now();
    const { error, assignment } = await this.#joining.call<Synced>(
      "SyncGroup",
      2 * sessionTimeout,
      (reply) => log.group(group).sync(memberId, generation, plan, reply),
    );
    if (this.#stopped) throw new AnotherRound();
    this.#contact();
    this.#heard(error);
    this.#renew(sent);
    this.synced = true;
    const given = assignment ?? NOTHING;
    this.#master = given.master;
    if (given.patience > 0) this.#notBefore = Math.max(this.#notBefore, host.monotonic() + given.patience);
    this.#listener.synced(given, this.#notBefore);
    if (!this.#hasSaid) return;
    if (given.master !== "" && given.master !== this.#parts.incarnation) this.#othersTurn?.();
    for (const resolve of this.#resigned.splice(0)) resolve();
  }

  async #beat(): Promise<void> {
    while (!this.#stopped) {
      await this.#pause();
      const { memberId, generation, synced } = this;
      if (this.#stopped || memberId === "" || generation < 0) continue;
      const sent = this.lease.now();
      try {
        const error = await this.ask("Heartbeat", (group) => group.heartbeat(memberId, generation));
        if (this.#stopped) return;
        this.#contact();
        if (memberId !== this.memberId || generation !== this.generation) continue;
        if (error === "ILLEGAL_GENERATION" && this.#joins) continue;
        if (error === undefined && synced) this.#renew(sent);
        else if (error === undefined || error === "REBALANCE_IN_PROGRESS") this.lease.signOfLife(sent);
        if (error === "REBALANCE_IN_PROGRESS" && synced && !this.#joins) this.rejoin();
        else if (error !== "REBALANCE_IN_PROGRESS") this.#heard(error);
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
        const entry = host.after(this.#soon === 0 ? interval : Math.min(AGAIN[1], interval), "timer", resolve);
        this.#beatNow = () => {
          entry.run = undefined;
          resolve();
        };
      });
    }
    this.#soon = Math.max(0, this.#soon - 1);
  }

  #renew(sent: ReturnType<Lease["now"]>): void {
    this.lease.renew(sent);
    this.#aliveUntil = sent.monotonic + this.#options.sessionTimeout;
  }

  #heard(error: GroupError | undefined): void {
    switch (error) {
      case undefined:
        return;
      case "UNKNOWN_MEMBER_ID":
        // The group does not know us though it cannot have expelled us: its state was lost, and another's lease may be
        // running, whatever has become of ours.
        if (this.#parts.host.monotonic() < this.#aliveUntil) {
          this.#notBefore = this.#parts.host.monotonic() + this.#options.sessionTimeout;
        }
        this.memberId = "";
        this.#expelled();
        throw new AnotherRound();
      case "ILLEGAL_GENERATION":
        this.#expelled();
        throw new AnotherRound();
      case "REBALANCE_IN_PROGRESS":
        throw new AnotherRound();
      case "NOT_COORDINATOR":
      case "MEMBER_ID_REQUIRED":
        this.lease.end();
        throw new MephistoError("PROTOCOL", `The coordinator of group ${this.#options.group} is another one now.`);
    }
  }

  #expelled(): void {
    this.lease.end();
    this.generation = -1;
    this.synced = false;
    this.#listener.expelled();
  }

  #contact(): void {
    this.lastContact = this.#parts.host.monotonic();
  }
}
