import type { Lease } from "../core/lease.ts";
import { leaseTerms, type MemberError, MemberLease, type Verdict } from "../core/member-lease.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import type { Clock } from "../core/clock.ts";
import type { LoopOptions } from "../core/supervisor.ts";
import type { JoinOptions, TopicPartition } from "../driver/driver.ts";
import { type Outcome, plan, statedOf } from "../driver/group-plan.ts";
import { heartbeat } from "../wire/requests/12-heartbeat.ts";
import { joinGroup, type JoinGroupResponse } from "../wire/requests/11-join-group.ts";
import { leaveGroup } from "../wire/requests/13-leave-group.ts";
import { syncGroup } from "../wire/requests/14-sync-group.ts";
import type { Call } from "../wire/call.ts";
import { decodeAssignment, encodeSubscription } from "../wire/consumer-protocol.ts";
import { Candidacy } from "./candidacy.ts";
import type { Cluster } from "./cluster.ts";
import { Code } from "./codes.ts";
import { Coordinator } from "./coordinator.ts";
import { ProtocolError } from "./errors.ts";
import { byTopic, flat, type MemberAssignment, readMember, writePlan } from "./group-data.ts";
import { hopelessError } from "./group-errors.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Backoff, pause } from "../core/pause.ts";
import { encodeMember, outcomeData } from "./profile.ts";

/** The name under which the assignment is offered; never changed, only joined by newer ones. */
const PROTOCOL = "mephisto-1";

/** What a group tells the one who is in it. */
export interface GroupListener {
  /** Partitions held, also those that are being given up: said at each join. */
  owned(): readonly TopicPartition[];
  /** The generation in which mastership was won, while it is held; else 0. */
  claim(): number;
  synced(partitions: readonly TopicPartition[], data: Outcome, notBefore: number): void;
  /** The group has dropped this member, or forgotten it: nothing is held any more. */
  expelled(): void;
  /** It cannot go on. */
  failed(error: MephistoError): void;
  /** The coordinator does not answer, or does again. */
  unreachable(error: MephistoError): void;
  reachable(): void;
}

/** Thrown to begin another round at once. */
class AnotherRound extends Error {}

/** A member of a consumer group, by the classic protocol. */
export class Group {
  readonly candidacy: Candidacy;
  readonly incarnation: string = crypto.randomUUID();
  readonly #member: MemberLease;
  readonly #cluster: Cluster;
  readonly #coordinator: Coordinator;
  readonly #heartbeats: Heartbeats;
  readonly #options: JoinOptions;
  readonly #stated: ReturnType<typeof statedOf>;
  readonly #listener: GroupListener;
  readonly #rebalanceTimeout: number;
  readonly #stop = new AbortController();
  #wanted = true;
  #wake: (() => void) | undefined;
  /** As the leader: the numbers of partitions that were planned with. */
  #planned: ReadonlyMap<string, number> | undefined;
  /** What the leader of the latest generation has said. */
  #data: Outcome | undefined;
  /** The incarnation of the master that is asked to stand down, or "". */
  #asks = "";
  #draining = false;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(cluster: Cluster, options: JoinOptions, listener: GroupListener, clock: Clock) {
    this.#cluster = cluster;
    this.#options = options;
    this.#stated = statedOf(options.profile);
    this.#listener = listener;
    const session = options.sessionTimeout;
    const terms = leaseTerms(session);
    this.#rebalanceTimeout = terms.rebalance;
    const { incarnation } = this;
    this.#member = new MemberLease(terms, { incarnation, instanceId: options.instanceId }, clock);
    this.candidacy = new Candidacy(options.profile.mayBeMaster, session, () => this.rejoin());
    this.#coordinator = new Coordinator(cluster, options.group, session, clock);
    this.#heartbeats = new Heartbeats(options.heartbeatInterval, () => this.#beat(), this.#stop.signal, clock);
  }

  get lease(): Lease {
    return this.#member.lease;
  }

  get memberId(): string {
    return this.#member.memberId;
  }

  get generationId(): number {
    return this.#member.generation;
  }

  /** Whether the current generation has been synced. */
  get synced(): boolean {
    return this.#member.synced;
  }

  /** When the coordinator last answered, on the monotonic clock. */
  get lastContact(): number {
    return this.#coordinator.lastContact;
  }

  start(): void {
    const options = { signal: this.#stop.signal, endless: true };
    this.#loops = Promise.all([
      this.#supervise("The loop of the group", () => this.#run(), options),
      this.#supervise("The loop of the heartbeats", () => this.#heartbeats.run(), options),
    ]);
  }

  #supervise(name: string, run: () => Promise<void>, options: LoopOptions): Promise<void> {
    return this.#options.supervisor?.loop(name, run, options) ?? run();
  }

  /** Joins again, to say that something has changed. */
  rejoin(): void {
    this.#wanted = true;
    this.#wake?.();
  }

  /** From the next round on it takes no partitions. */
  drain(): void {
    this.#draining = true;
  }

  /** Asks at once whether there is another generation. Joining again without being asked would make one. */
  hurry(): void {
    this.#heartbeats.hurry();
  }

  /** Asks the master of the latest generation to stand down. */
  askToResign(): void {
    this.#asks = this.#data?.master ?? "";
    this.rejoin();
  }

  /** Removes a member of the latest generation. Several may try: of one that is gone already there is nothing to do. */
  async evict(memberId: string): Promise<void> {
    const peer = this.#data?.peers.find((peer) => peer.memberId === memberId);
    if (peer === undefined) return;
    const members = [{ memberId, groupInstanceId: peer.instanceId }];
    await this.ask(leaveGroup({ groupId: this.#options.group, members }));
    this.hurry();
  }

  /** Asks how the topics are: as the leader those of all members. Whoever wants to know of changes hears of them. */
  async watchTopics(): Promise<void> {
    const topics = [...this.#planned?.keys() ?? this.#options.topics];
    if (topics.length > 0) await this.#cluster.refresh(topics).catch(() => {}); // others notice that, and say so
    this.replan();
  }

  /** As the leader: joins again when a topic has another number of partitions than was planned with. */
  replan(): void {
    if (!this.synced) return;
    const planned = [...this.#planned ?? []];
    if (planned.some(([topic, count]) => (this.#cluster.topic(topic)?.leaders.length ?? 0) !== count)) this.rejoin();
  }

  /** Asks the coordinator something, as a member, on the connection of the heartbeats. Errors: `UNREACHABLE`. */
  async ask<T>(call: Call<T>): Promise<T> {
    return await this.#coordinator.ask(call);
  }

  /** Ends all loops, and tells the group. A static member keeps its place until its session ends. */
  async leave(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    this.candidacy.close();
    this.#coordinator.stopJoining();
    const memberId = this.#member.leave();
    if (memberId !== "" && this.#options.instanceId === undefined) {
      const call = leaveGroup({ groupId: this.#options.group, members: [{ memberId }] });
      await this.ask(call).catch(() => {}); // it will find out by itself
    }
    this.#coordinator.close();
    await this.#loops;
  }

  async #run(): Promise<void> {
    const backoff = new Backoff(100, 1000);
    while (!this.#stop.signal.aborted) {
      try {
        if (!this.#coordinator.located) await this.#coordinator.locate();
        else if (this.#wanted) await this.#round();
        else await this.#sleep();
        backoff.reset();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (error instanceof AnotherRound) continue;
        this.#troubled(error);
        await pause(backoff.next(), this.#stop.signal);
      }
    }
  }

  /** Until there is something to do. */
  async #sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  /** The coordinator is another one now, or gone: look again. */
  #forgetCoordinator(): void {
    this.#coordinator.forget();
    this.#wake?.();
  }

  /** JoinGroup and SyncGroup: afterwards this member is in a new generation, and knows what it has to do in it. */
  async #round(): Promise<void> {
    this.#wanted = false;
    this.#member.joining = true;
    try {
      const joined = await this.#join();
      this.#planned = undefined;
      const assignments = joined.leader === joined.memberId ? await this.#assign(joined) : [];
      await this.#sync(assignments);
    } catch (error) {
      this.#wanted = true;
      throw error;
    } finally {
      this.#member.joining = false;
    }
  }

  async #sync(assignments: MemberAssignment[]): Promise<void> {
    const sent = this.#member.sending();
    const { group, instanceId = null } = this.#options;
    const { generationId, memberId } = this;
    const call = syncGroup({ groupId: group, generationId, memberId, groupInstanceId: instanceId, assignments });
    // It may park until the leader's session is over, if the leader dies before it has assigned.
    const { errorCode, assignment } = await this.#onJoining(call, 2 * this.#options.sessionTimeout);
    this.#obey(this.#member.syncAnswered(sent, memberError(errorCode)), errorCode, "SyncGroup");
    const { partitions, userData } = decodeAssignment(assignment);
    const data = this.#data = outcomeData(userData);
    if (this.#member.decided(data, sent)) this.rejoin();
    this.#listener.synced(flat(partitions), data, this.#member.patience.notBefore);
    this.candidacy.decided(data.master !== "" && data.master !== this.incarnation);
  }

  async #join(): Promise<JoinGroupResponse> {
    const { group, topics, instanceId = null, sessionTimeout } = this.#options;
    const claim = this.#member.claim(this.#listener.claim());
    const metadata = encodeSubscription({
      topics,
      ownedPartitions: byTopic(this.#listener.owned()),
      generationId: this.generationId,
      userData: encodeMember({
        ...this.#stated,
        incarnation: this.incarnation,
        claim,
        eligible: this.candidacy.say(),
        patience: this.#member.patience.asked,
        asks: this.#asks,
        draining: this.#draining,
      }),
    });
    const sent = this.#member.sending();
    const answer = await this.#onJoining(
      joinGroup({
        groupId: group,
        sessionTimeoutMs: sessionTimeout,
        rebalanceTimeoutMs: this.#rebalanceTimeout,
        memberId: this.memberId,
        groupInstanceId: instanceId,
        protocolType: "consumer",
        protocols: [{ name: PROTOCOL, metadata }],
      }),
      this.#rebalanceTimeout + 2 * sessionTimeout,
    );
    if (answer.errorCode === Code.MEMBER_ID_REQUIRED) {
      this.#member.named(answer.memberId);
      return await this.#join();
    }
    const { errorCode, memberId, generationId: generation } = answer;
    const verdict = this.#member.joined(sent, memberError(errorCode), { memberId, generation });
    this.#obey(verdict, errorCode, "JoinGroup");
    return answer;
  }

  /** As the leader: who gets what, and who is master. */
  async #assign({ members, memberId }: JoinGroupResponse): Promise<MemberAssignment[]> {
    const known = members.map(readMember);
    const topics = [...new Set(known.flatMap(({ topics }) => topics))].sort();
    await this.#cluster.refresh(topics);
    const counts = new Map(topics.map((topic) => [topic, this.#cluster.topic(topic)?.leaders.length ?? 0]));
    this.#planned = counts;
    return writePlan(known, plan(known, counts, memberId));
  }

  async #beat(): Promise<void> {
    const { group, instanceId = null } = this.#options;
    const { memberId, generationId } = this;
    if (memberId === "" || generationId < 0 || !this.#coordinator.located) return;
    const sent = this.#member.sending();
    try {
      const call = heartbeat({ groupId: group, generationId, memberId, groupInstanceId: instanceId });
      const { errorCode } = await this.ask(call);
      this.#obey(this.#member.heartbeat(sent, memberError(errorCode)), errorCode, "Heartbeat");
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (error instanceof AnotherRound) this.rejoin();
      else this.#troubled(error);
    }
  }

  async #onJoining<T>(call: Call<T>, timeout: number): Promise<T> {
    if (!this.#coordinator.located) throw new AnotherRound();
    return await this.#coordinator.join(call, timeout);
  }

  /** Does what an answer asks for. Throws unless it is good, or says nothing. */
  #obey(verdict: Verdict, code: number, what: string): void {
    switch (verdict) {
      case "good":
        return this.#listener.reachable();
      case "ignored":
        return;
      case "rejoin":
        throw new AnotherRound();
      case "expelled":
        this.#listener.expelled();
        throw new AnotherRound();
      case "refused": {
        const hopeless = hopelessError(code, this.#options);
        if (hopeless) throw this.#fail(hopeless);
        if (code === Code.NOT_COORDINATOR || code === Code.COORDINATOR_NOT_AVAILABLE) this.#forgetCoordinator();
        throw new ProtocolError(code, `${what} of group ${this.#options.group}`);
      }
    }
  }

  #fail(error: MephistoError): MephistoError {
    this.#member.end();
    this.#listener.expelled();
    this.#stop.abort();
    this.#listener.failed(error);
    return error;
  }

  #troubled(error: unknown): void {
    if (error instanceof MephistoError && error.code === "UNREACHABLE") this.#forgetCoordinator();
    this.#listener.unreachable(
      error instanceof MephistoError ? error : new MephistoError("PROTOCOL", messageOf(error), { cause: error }),
    );
  }
}

/** What an error code says of a member's place; undefined when it is none. */
function memberError(code: number): MemberError | undefined {
  switch (code) {
    case Code.NONE:
      return undefined;
    case Code.REBALANCE_IN_PROGRESS:
      return "REBALANCE_IN_PROGRESS";
    case Code.UNKNOWN_MEMBER_ID:
      return "UNKNOWN_MEMBER_ID";
    case Code.ILLEGAL_GENERATION:
      return "ILLEGAL_GENERATION";
    default:
      return "OTHER";
  }
}
