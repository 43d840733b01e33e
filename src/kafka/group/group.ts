import type { Lease } from "../../core/lease.ts";
import type { MephistoError } from "../../core/errors.ts";
import type { Clock } from "../../core/clock.ts";
import { MembershipMachine } from "../../core/membership/machine.ts";
import type { Answer } from "../../core/membership/messages.ts";
import { generationOf, memberIdOf, type Sent } from "../../core/membership/place.ts";
import { MembershipRunner } from "../../core/membership/runner.ts";
import { leaseTerms } from "../../core/membership/terms.ts";
import type { RequestTo } from "../../core/membership/transport.ts";
import { startTimer } from "../../core/delay.ts";
import type { JoinOptions, TopicPartition } from "../../driver/driver.ts";
import { type Outcome, statedOf } from "../../driver/group-plan.ts";
import { heartbeat } from "../../wire/requests/12-heartbeat.ts";
import { joinGroup, type JoinGroupResponse } from "../../wire/requests/11-join-group.ts";
import { leaveGroup } from "../../wire/requests/13-leave-group.ts";
import { syncGroup } from "../../wire/requests/14-sync-group.ts";
import type { Call } from "../../wire/call.ts";
import { decodeAssignment, encodeSubscription } from "../../wire/consumer-protocol.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../../wire/error-codes.ts";
import { Coordinator } from "./coordinator.ts";
import { byTopic, flat, type MemberAssignment } from "./subscription.ts";
import { fatalError, memberError } from "./group-errors.ts";
import { refusalOf } from "./group-refusal.ts";
import { Leader } from "./leader.ts";
import { encodeMember, outcomeData } from "./user-data.ts";

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
  removed(): void;
  /** It cannot go on. */
  failed(error: MephistoError): void;
  /** The coordinator does not answer, or does again. */
  unreachable(error: MephistoError): void;
  reachable(): void;
  /** As the leader it is refused what it has to know, and plans with what it knows; undefined: it is not, or leads no more. */
  refused(error: MephistoError | undefined): void;
}

/** A member's coordinates: what it joins with, what the leader makes of that, what each is given. */
interface GroupKinds {
  readonly members: JoinGroupResponse;
  readonly plan: MemberAssignment[];
  readonly given: { readonly partitions: readonly TopicPartition[]; readonly data: Outcome };
}

/**
 * A member of a consumer group, by the classic protocol: asks the coordinator what its membership wants asked, and hands in
 * what is answered.
 */
export class Group {
  readonly incarnation: string = crypto.randomUUID();
  readonly #machine: MembershipMachine<GroupKinds>;
  readonly #runner: MembershipRunner<GroupKinds>;
  readonly #cluster: Cluster;
  readonly #coordinator: Coordinator;
  readonly #options: JoinOptions;
  readonly #stated: ReturnType<typeof statedOf>;
  readonly #listener: GroupListener;
  readonly #rebalanceTimeout: number;
  readonly #stop = new AbortController();
  readonly #leader: Leader;
  /** What the leader of the latest generation has said. */
  #data: Outcome | undefined;
  #loop: Promise<unknown> = Promise.resolve();

  constructor(cluster: Cluster, options: JoinOptions, listener: GroupListener, clock: Clock) {
    this.#cluster = cluster;
    this.#options = options;
    this.#stated = statedOf(options.profile);
    this.#listener = listener;
    this.#leader = new Leader(cluster, clock, (error) => listener.refused(error));
    const { sessionTimeout, instanceId, heartbeatInterval: heartbeatIntervalMs, profile: { mayBeMaster } } = options;
    const terms = leaseTerms(sessionTimeout);
    this.#rebalanceTimeout = terms.rebalance;
    const { incarnation } = this;
    const machine = this.#machine = new MembershipMachine<GroupKinds>({
      terms,
      heartbeatIntervalMs,
      incarnation,
      instanceId,
      mayBeMaster,
      clock,
      random: Math.random,
    });
    const coordinator = this.#coordinator = new Coordinator(cluster, options.group, sessionTimeout, clock);
    this.#runner = new MembershipRunner({
      machine,
      clock,
      startTimer,
      transport: {
        find: () => coordinator.locate(),
        join: (request) => this.#join(request),
        plan: (members) => this.#leader.assign(members),
        sync: (request) => this.#sync(request),
        beat: (sent) => this.#beat(sent),
        leave: (memberId) => this.#leaveGroup(memberId),
        hangUp: () => coordinator.hangUp(),
        forget: () => coordinator.forget(),
      },
      notices: {
        synced: ({ partitions, data }, notBefore) => {
          this.#data = data;
          listener.synced(partitions, data, notBefore);
        },
        failed: (error) => {
          this.#stop.abort();
          listener.failed(error);
        },
        removed: () => listener.removed(),
        unreachable: (error) => listener.unreachable(error),
        reachable: () => listener.reachable(),
      },
    });
  }

  get lease(): Lease {
    return this.#machine.lease;
  }

  get memberId(): string {
    return this.#machine.memberId;
  }

  get generationId(): number {
    return this.#machine.generation;
  }

  /** Whether the current generation has been synced. */
  get synced(): boolean {
    return this.#machine.synced;
  }

  /** When the coordinator last answered, on the monotonic clock. */
  get lastContact(): number {
    return this.#coordinator.lastContact;
  }

  /** Where the coordinator is, and how long its answers take, as last seen, in ms. */
  get coordinator(): { readonly where: string | undefined; readonly answerMs: number } {
    return this.#coordinator;
  }

  start(): void {
    const run = () => this.#runner.run();
    const options = { signal: this.#stop.signal, endless: true };
    this.#loop = this.#options.supervisor?.loop("The loop of the group", run, options) ?? run();
  }

  /** Joins again, to say that something has changed. */
  rejoin(): void {
    this.#runner.feed({ type: "rejoin" });
  }

  /** From the next round on it takes no partitions. */
  drain(): void {
    this.#runner.feed({ type: "drain" });
  }

  /** Stands for election no longer; resolves when a generation has begun that knows. */
  resign(): Promise<void> {
    return this.#runner.wish("resign");
  }

  /** Does not stand for election until another one has been elected, or a session has passed; resolves then. */
  yieldMastership(): Promise<void> {
    return this.#runner.wish("yield");
  }

  /** Asks at once whether there is another generation. Joining again without being asked would make one. */
  heartbeatNow(): void {
    this.#runner.feed({ type: "heartbeatNow" });
  }

  /** Asks the master of the latest generation to stand down. */
  askToResign(): void {
    this.#runner.feed({ type: "askToResign" });
  }

  /** Removes a member of the latest generation. Several may try: of one that is gone already there is nothing to do. */
  async evict(memberId: string): Promise<void> {
    const peer = this.#data?.peers.find((peer) => peer.memberId === memberId);
    if (peer === undefined) return;
    const members = [{ memberId, groupInstanceId: peer.instanceId }];
    await this.ask(leaveGroup({ groupId: this.#options.group, members }));
    this.heartbeatNow();
  }

  /** Asks how the topics are: as the leader those of all members. Whoever wants to know of changes hears of them. */
  async watchTopics(): Promise<void> {
    const topics = this.#leader.topics ?? this.#options.topics;
    if (topics.length > 0) await this.#cluster.refresh(topics).catch(() => {}); // others notice that, and say so
    this.replan();
  }

  /** As the leader: joins again when a topic has another number of partitions than was planned with. */
  replan(): void {
    if (this.synced && this.#leader.isOutdated) this.rejoin();
  }

  /** Asks the coordinator something, as a member, on the connection of the heartbeats. Errors: `UNREACHABLE`. */
  async ask<T>(call: Call<T>): Promise<T> {
    return await this.#coordinator.ask(call);
  }

  /** Ends the loop, and tells the group. A static member keeps its place until its session ends. */
  async leave(): Promise<void> {
    this.#stop.abort();
    await this.#runner.leave();
    this.#coordinator.close();
    await this.#loop;
  }

  #leaveGroup(memberId: string): Promise<unknown> {
    const { group, instanceId = null } = this.#options;
    return this.ask(leaveGroup({ groupId: group, members: [{ memberId, groupInstanceId: instanceId }] }));
  }

  async #join({ sent, timeoutMs, ...said }: RequestTo<GroupKinds, "join">): Promise<Answer<GroupKinds>> {
    const { group, topics, instanceId = null, sessionTimeout } = this.#options;
    const { memberId, generation: generationId, eligible, leaseGraceMs, asksToYield, draining } = said;
    const { incarnation } = this;
    const claim = this.#machine.claim(this.#listener.claim());
    const metadata = encodeSubscription({
      topics,
      ownedPartitions: byTopic(this.#listener.owned()),
      generationId,
      userData: encodeMember({ ...this.#stated, incarnation, claim, eligible, leaseGraceMs, asksToYield, draining }),
    });
    const call = joinGroup({
      groupId: group,
      sessionTimeoutMs: sessionTimeout,
      rebalanceTimeoutMs: this.#rebalanceTimeout,
      memberId,
      groupInstanceId: instanceId,
      protocolType: "consumer",
      protocols: [{ name: PROTOCOL, metadata }],
    });
    const answer = await this.#coordinator.join(call, timeoutMs);
    if (answer.errorCode !== Code.NONE) return this.#refused(sent, answer.errorCode, "JoinGroup", answer.memberId);
    const leads = answer.leader === answer.memberId;
    this.#leader.begin(leads);
    const { memberId: id, generationId: generation } = answer;
    return { type: "joined", sent, memberId: id, generation, members: leads ? answer : undefined };
  }

  async #sync({ sent, timeoutMs, plan = [] }: RequestTo<GroupKinds, "sync">): Promise<Answer<GroupKinds>> {
    const { group, instanceId = null } = this.#options;
    const [memberId, generationId] = [memberIdOf(sent.place), generationOf(sent.place)];
    const call = syncGroup({ groupId: group, generationId, memberId, groupInstanceId: instanceId, assignments: plan });
    const { errorCode, assignment } = await this.#coordinator.join(call, timeoutMs);
    if (errorCode !== Code.NONE) return this.#refused(sent, errorCode, "SyncGroup");
    const { partitions, userData } = decodeAssignment(assignment);
    const data = outcomeData(userData);
    return { type: "assigned", sent, elected: data, given: { partitions: flat(partitions), data } };
  }

  async #beat(sent: Sent): Promise<Answer<GroupKinds>> {
    const { group, instanceId = null } = this.#options;
    const [memberId, generationId] = [memberIdOf(sent.place), generationOf(sent.place)];
    const { errorCode } = await this.ask(
      heartbeat({ groupId: group, generationId, memberId, groupInstanceId: instanceId }),
    );
    return errorCode === Code.NONE ? { type: "beaten", sent } : this.#refused(sent, errorCode, "Heartbeat");
  }

  #refused(sent: Sent, code: number, what: string, memberId = ""): Answer<GroupKinds> {
    const hopeless = fatalError(code, this.#options);
    const error = hopeless ?? refusalOf(code, what, this.#options.group, this.#leader.size);
    const why = memberError(code);
    return { type: "refused", sent, why: hopeless && why === "OTHER" ? "FATAL" : why, error, memberId };
  }
}
