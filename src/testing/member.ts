import type { Lease } from "../core/lease.ts";
import { MephistoError } from "../core/errors.ts";
import { MembershipMachine } from "../core/membership/machine.ts";
import type { Answer, Wish } from "../core/membership/messages.ts";
import { generationOf, memberIdOf, type Sent } from "../core/membership/place.ts";
import { MembershipRunner } from "../core/membership/runner.ts";
import { leaseTerms } from "../core/membership/terms.ts";
import type { RequestTo } from "../core/membership/transport.ts";
import type { Host } from "./host.ts";
import type { JoinOptions, TopicPartition } from "../driver/driver.ts";
import { type Assign, type Member as Subscriber, outcomes, statedOf } from "../driver/group-plan.ts";
import { type Assignment, type Group, type GroupError, type Joined, NOTHING, type Synced } from "./groups.ts";
import type { MemoryLog } from "./memory-log.ts";
import { Line, type Network } from "./network.ts";

/** What a group tells the one who is in it. */
export interface GroupListener {
  owned(): readonly TopicPartition[];
  claim(): number;
  synced(assignment: Assignment, notBefore: number): void;
  removed(): void;
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
}

/** What a member joins with, what the leader makes of that, what each is given. */
interface GroupKinds {
  readonly members: readonly Subscriber[];
  readonly plan: ReadonlyMap<string, Assignment>;
  readonly given: Assignment;
}

/** A member of a group: asks what its membership wants asked, joins and heartbeats on connections of their own. */
export class GroupMember {
  lastContact = -Infinity;
  readonly #machine: MembershipMachine<GroupKinds>;
  readonly #runner: MembershipRunner<GroupKinds>;
  readonly #parts: MemberParts;
  readonly #options: JoinOptions;
  readonly #stated: ReturnType<typeof statedOf>;
  readonly #listener: GroupListener;
  readonly #rebalance: number;
  readonly #joining: Line;
  readonly #beating: Line;

  constructor(parts: MemberParts, options: JoinOptions, listener: GroupListener) {
    const { host, network, incarnation } = parts;
    const { sessionTimeout, instanceId, heartbeatInterval: heartbeatIntervalMs, profile: { mayBeMaster } } = options;
    this.#parts = parts;
    this.#options = options;
    this.#stated = statedOf(options.profile);
    this.#listener = listener;
    this.#joining = new Line(network, host);
    this.#beating = new Line(network, host);
    const terms = leaseTerms(sessionTimeout);
    this.#rebalance = terms.rebalance;
    const machine = this.#machine = new MembershipMachine<GroupKinds>({
      terms: { ...terms, margin: parts.margin ?? terms.margin },
      heartbeatIntervalMs,
      incarnation,
      instanceId,
      mayBeMaster,
      clock: host,
      random: () => 0.5, // pauses are as long as they are
    });
    const startTimer = (ms: number, due: () => void) => {
      const entry = host.after(ms, "timer", due);
      return () => entry.run = undefined;
    };
    this.#runner = new MembershipRunner({
      machine,
      clock: host,
      startTimer,
      transport: {
        find: () => Promise.resolve(), // there is one: it is asked under whatever address it has
        join: (request) => this.#join(request),
        plan: (members) => this.#plan(members),
        sync: (request) => this.#sync(request),
        beat: (sent) => this.#beat(sent),
        leave: (memberId) => this.ask("LeaveGroup", (group) => group.leave(memberId)),
        hangUp: () => this.#joining.drop(),
        forget: () => {
          this.#joining.drop();
          this.#beating.drop();
        },
      },
      notices: listener,
    });
  }

  get lease(): Lease {
    return this.#machine.lease;
  }

  get memberId(): string {
    return this.#machine.memberId;
  }

  get generation(): number {
    return this.#machine.generation;
  }

  get synced(): boolean {
    return this.#machine.synced;
  }

  /** In ms. */
  get session(): number {
    return this.#options.sessionTimeout;
  }

  start(): void {
    void this.#runner.run();
  }

  /** Hands in what the worker wants. */
  wish(wish: Wish): void {
    this.#runner.feed(wish);
  }

  resign(): Promise<void> {
    return this.#runner.wish("resign");
  }

  yieldMastership(): Promise<void> {
    return this.#runner.wish("yield");
  }

  async evict(memberId: string): Promise<void> {
    await this.ask("LeaveGroup", (group) => group.leave(memberId));
    this.wish({ type: "heartbeatNow" });
  }

  /** Asks the coordinator as a member, on the connection of the heartbeats. Errors: `UNREACHABLE`. */
  async ask<T>(name: string, ask: (group: Group) => T): Promise<T> {
    const { log } = this.#parts;
    const timeout = Math.min(3000, this.#options.sessionTimeout / 3);
    const answer = await this.#beating.call<T>(name, timeout, (reply) => reply(ask(log.group(this.#options.group))));
    this.lastContact = this.#parts.host.monotonic();
    return answer;
  }

  async leave(): Promise<void> {
    await this.#runner.leave();
    this.#joining.close();
    this.#beating.close();
  }

  /** Asks something that may park for long. */
  async #onJoining<T>(
    name: string,
    timeout: number,
    ask: (group: Group, reply: (answer: T) => void) => void,
  ): Promise<T> {
    const { log, host } = this.#parts;
    const answer = await this.#joining.call<T>(name, timeout, (reply) => ask(log.group(this.#options.group), reply));
    this.lastContact = host.monotonic();
    return answer;
  }

  async #join({ sent, timeoutMs, ...said }: RequestTo<GroupKinds, "join">): Promise<Answer<GroupKinds>> {
    const { topics, instanceId = null, sessionTimeout: session } = this.#options;
    const { memberId, generation, eligible, leaseGraceMs, asksToYield, draining } = said;
    const { incarnation } = this.#parts;
    const claim = this.#machine.claim(this.#listener.claim());
    const data = { ...this.#stated, incarnation, claim, eligible, leaseGraceMs, asksToYield, draining };
    const subscription = { instanceId, topics, owned: [...this.#listener.owned()], generation, data };
    const request = { memberId, session, rebalance: this.#rebalance, subscription };
    const { error, memberId: id, generation: joined, leader, members } = await this.#onJoining<Joined>(
      "JoinGroup",
      timeoutMs,
      (group, reply) => group.join(request, reply),
    );
    if (error !== undefined) return this.#refused(sent, error, id);
    return { type: "joined", sent, memberId: id, generation: joined, members: leader === id ? members : undefined };
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

  async #sync(
    { sent, timeoutMs, plan = new Map() }: RequestTo<GroupKinds, "sync">,
  ): Promise<Answer<GroupKinds>> {
    const { error, assignment: given = NOTHING } = await this.#onJoining<Synced>(
      "SyncGroup",
      timeoutMs,
      (group, reply) => group.sync(memberIdOf(sent.place), generationOf(sent.place), plan, reply),
    );
    return error === undefined ? { type: "assigned", sent, elected: given, given } : this.#refused(sent, error);
  }

  async #beat(sent: Sent): Promise<Answer<GroupKinds>> {
    const { place } = sent;
    const error = await this.ask("Heartbeat", (group) => group.heartbeat(memberIdOf(place), generationOf(place)));
    return error === undefined ? { type: "beaten", sent } : this.#refused(sent, error);
  }

  #refused(sent: Sent, refusal: GroupError, memberId = ""): Answer<GroupKinds> {
    const { group, instanceId } = this.#options;
    const sentence = `Group ${group} refuses ${instanceId ?? "this member"}: ${refusal}.`;
    const why = refusal === "FENCED_INSTANCE_ID" ? "FENCED" : refusal;
    return { type: "refused", sent, why, error: new MephistoError("PROTOCOL", sentence), memberId };
  }
}
