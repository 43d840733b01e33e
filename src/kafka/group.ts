import { Lease } from "../core/lease.ts";
import { MephistoError, messageOf } from "../core/errors.ts";
import type { Clock } from "../core/clock.ts";
import type { JoinOptions, TopicPartition } from "../driver/driver.ts";
import { heartbeat } from "../wire/requests/12-heartbeat.ts";
import { joinGroup, type JoinGroupResponse } from "../wire/requests/11-join-group.ts";
import { leaveGroup } from "../wire/requests/13-leave-group.ts";
import { syncGroup } from "../wire/requests/14-sync-group.ts";
import type { Call } from "../wire/call.ts";
import { decodeAssignment, encodeSubscription } from "../wire/consumer-protocol.ts";
import { plan } from "./assignor.ts";
import { Candidacy } from "./candidacy.ts";
import type { Cluster } from "./cluster.ts";
import { Code } from "./codes.ts";
import { Coordinator } from "./coordinator.ts";
import { ProtocolError } from "./errors.ts";
import { byTopic, flat, type MemberAssignment, readMember, writePlan } from "./group-data.ts";
import { hopelessError } from "./group-errors.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Backoff, pause } from "../core/pause.ts";
import { Patience } from "./patience.ts";
import { type AssignmentData, assignmentData, encodeData } from "./profile.ts";

/** The name under which the assignment is offered; never changed, only joined by newer ones. */
const PROTOCOL = "mephisto-1";

/** The broker removes a member that has not rejoined for this many sessions: longer than any session that matters. */
const REBALANCE_SESSIONS = 5;

/** What a group tells the one who is in it. */
export interface GroupListener {
  /** Partitions held, also those that are being given up: said at each join. */
  owned(): readonly TopicPartition[];
  /** The generation in which mastership was won, while it is held; else 0. */
  claim(): number;
  synced(partitions: readonly TopicPartition[], data: AssignmentData, notBefore: number): void;
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
  readonly lease: Lease;
  readonly candidacy: Candidacy;
  readonly incarnation: string = crypto.randomUUID();
  memberId = "";
  generationId = -1;
  /** Whether the current generation has been synced. */
  synced = false;
  readonly #cluster: Cluster;
  readonly #coordinator: Coordinator;
  readonly #heartbeats: Heartbeats;
  readonly #options: JoinOptions;
  readonly #listener: GroupListener;
  readonly #rebalanceTimeout: number;
  readonly #stop = new AbortController();
  #wanted = true;
  /** Whether a round is under way. */
  #joins = false;
  #wake: (() => void) | undefined;
  readonly #patience: Patience;
  /** The generation of a predecessor's mastership, whose lease may still be held; or 0. */
  #inherited = 0;
  /** As the leader: the numbers of partitions that were planned with. */
  #planned: ReadonlyMap<string, number> | undefined;
  /** What the leader of the latest generation has said. */
  #data: AssignmentData | undefined;
  /** The incarnation of the master that is asked to stand down, or "". */
  #asks = "";
  #loops: Promise<unknown> = Promise.resolve();

  constructor(cluster: Cluster, options: JoinOptions, listener: GroupListener, clock: Clock) {
    this.#cluster = cluster;
    this.#options = options;
    this.#listener = listener;
    const session = options.sessionTimeout;
    this.#patience = new Patience(session, options.instanceId !== undefined, clock);
    this.#rebalanceTimeout = REBALANCE_SESSIONS * session;
    this.lease = new Lease({ session, rebalance: this.#rebalanceTimeout, margin: Math.max(500, session / 12) }, clock);
    this.candidacy = new Candidacy(options.profile.mayBeMaster, session, () => this.rejoin());
    this.#coordinator = new Coordinator(cluster, options.group, session, clock);
    this.#heartbeats = new Heartbeats(options.heartbeatInterval, () => this.#beat(), this.#stop.signal);
  }

  /** When the coordinator last answered, on the monotonic clock. */
  get lastContact(): number {
    return this.#coordinator.lastContact;
  }

  start(): void {
    this.#loops = Promise.all([this.#run(), this.#heartbeats.run()]);
  }

  /** Joins again, to say that something has changed. */
  rejoin(): void {
    this.#wanted = true;
    this.#wake?.();
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

  /** As the leader: joins again when a topic has another number of partitions than was planned with. */
  async watchTopics(): Promise<void> {
    const planned = this.#planned;
    if (planned === undefined || !this.synced) return;
    try {
      await this.#cluster.refresh([...planned.keys()]);
    } catch {
      return; // others notice that, and say so
    }
    const changed = [...planned].some(([topic, count]) => (this.#cluster.topic(topic)?.leaders.length ?? 0) !== count);
    if (changed && this.#planned === planned) this.rejoin();
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
    const { memberId } = this;
    this.lease.end();
    this.synced = false;
    if (memberId !== "" && this.#options.instanceId === undefined) {
      const call = leaveGroup({ groupId: this.#options.group, members: [{ memberId }] });
      await this.ask(call).catch(() => {}); // it will find out by itself
    }
    this.#coordinator.close();
    this.memberId = "";
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
    this.#joins = true;
    try {
      const joined = await this.#join();
      this.#planned = undefined;
      const assignments = joined.leader === joined.memberId ? await this.#assign(joined) : [];
      await this.#sync(assignments);
    } catch (error) {
      this.#wanted = true;
      throw error;
    } finally {
      this.#joins = false;
    }
  }

  async #sync(assignments: MemberAssignment[]): Promise<void> {
    const sent = this.lease.now();
    const { group, instanceId = null } = this.#options;
    const { generationId, memberId } = this;
    const call = syncGroup({ groupId: group, generationId, memberId, groupInstanceId: instanceId, assignments });
    // It may park until the leader's session is over, if the leader dies before it has assigned.
    const { errorCode, assignment } = await this.#onJoining(call, 2 * this.#options.sessionTimeout);
    this.#heard(errorCode, "SyncGroup");
    this.lease.renew(sent);
    this.synced = true;
    const { partitions, userData } = decodeAssignment(assignment);
    const data = this.#data = assignmentData(userData);
    this.#watchPredecessor(data, sent.monotonic);
    const given = flat(partitions);
    this.#patience.heard(data.patience);
    this.#listener.synced(given, data, this.#patience.notBefore);
    this.candidacy.decided(data.master !== "" && data.master !== this.incarnation);
  }

  async #join(): Promise<JoinGroupResponse> {
    const { group, topics, profile, instanceId = null, sessionTimeout } = this.#options;
    const claim = this.#listener.claim() || this.#inherited;
    const metadata = encodeSubscription({
      topics,
      ownedPartitions: byTopic(this.#listener.owned()),
      generationId: this.generationId,
      userData: encodeData({
        ...profile,
        incarnation: this.incarnation,
        claim,
        eligible: this.candidacy.say(),
        patience: this.#patience.asked,
        asks: this.#asks,
      }),
    });
    const sent = this.lease.now();
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
      this.memberId = answer.memberId;
      return await this.#join();
    }
    this.#heard(answer.errorCode, "JoinGroup");
    this.memberId = answer.memberId;
    this.generationId = answer.generationId;
    this.synced = false;
    this.lease.renew(sent);
    this.#patience.joined();
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

  /**
   * A static member that is started again gets its predecessor's assignment without a new generation. If that one was
   * master, its lease may still be held: this member inherits mastership, and waits a session before it acts.
   */
  #watchPredecessor(data: AssignmentData, since: number): void {
    const { instanceId } = this.#options;
    const predecessor = instanceId !== undefined && data.instanceId === instanceId &&
      data.master !== this.incarnation;
    if (!predecessor) {
      this.#inherited = 0;
      return;
    }
    this.#patience.session(since);
    this.#inherited = this.generationId;
    this.rejoin();
  }

  async #beat(): Promise<void> {
    const { group, instanceId = null } = this.#options;
    const { memberId, generationId, synced } = this;
    if (memberId === "" || generationId < 0 || !this.#coordinator.located) return;
    const sent = this.lease.now();
    try {
      const call = heartbeat({ groupId: group, generationId, memberId, groupInstanceId: instanceId });
      const { errorCode } = await this.ask(call);
      // An answer to what this member no longer is says nothing of what it is now.
      if (this.#stop.signal.aborted || memberId !== this.memberId || generationId !== this.generationId) return;
      // The next generation begins with a JoinGroup of ours, whose answer is still on its way, on another connection. The
      // lease is not renewed by this, nor is it over: whoever has not joined in time is unknown, not of an old generation
      // (or a static member, whose lease the rebalance timeout has ended).
      if (errorCode === Code.ILLEGAL_GENERATION && this.#joins) return;
      if (errorCode === Code.NONE && synced) this.lease.renew(sent);
      else if (errorCode === Code.NONE || errorCode === Code.REBALANCE_IN_PROGRESS) this.lease.signOfLife(sent);
      // A round that is under way answers this by itself: another one after it would be a rebalance for all, and so on.
      if (errorCode === Code.REBALANCE_IN_PROGRESS && synced && !this.#joins) this.rejoin();
      else if (errorCode !== Code.REBALANCE_IN_PROGRESS) this.#heard(errorCode, "Heartbeat");
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

  /** What an answer of the coordinator means. Throws unless it is good. */
  #heard(code: number, what: string): void {
    const { group } = this.#options;
    switch (code) {
      case Code.NONE:
        return this.#listener.reachable();
      case Code.REBALANCE_IN_PROGRESS:
        throw new AnotherRound();
      case Code.UNKNOWN_MEMBER_ID:
        // Unknown, though not silent for long: the group's state was lost, and another's lease may be running. Ours may
        // have been ended before, by a coordinator that had moved.
        if (this.lease.wasAlive) this.#patience.session();
        this.memberId = "";
        this.#expelled();
        throw new AnotherRound();
      case Code.ILLEGAL_GENERATION:
        this.#expelled();
        throw new AnotherRound();
      case Code.NOT_COORDINATOR:
      case Code.COORDINATOR_NOT_AVAILABLE:
      case Code.COORDINATOR_LOAD_IN_PROGRESS:
        this.lease.end();
        if (code !== Code.COORDINATOR_LOAD_IN_PROGRESS) this.#forgetCoordinator();
        throw new ProtocolError(code, `${what} of group ${group}`);
      default: {
        const hopeless = hopelessError(code, this.#options);
        if (hopeless) throw this.#fail(hopeless);
        this.lease.end();
        throw new ProtocolError(code, `${what} of group ${group}`);
      }
    }
  }

  #expelled(): void {
    this.lease.end();
    this.generationId = -1;
    this.synced = false;
    this.#inherited = 0;
    this.#listener.expelled();
  }

  #fail(error: MephistoError): MephistoError {
    this.#expelled();
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
