import type { Acknowledgements } from "../../core/acknowledgements.ts";
import { partitionKey, partitionName } from "../../core/topic-partition.ts";
import type { Clock } from "../../core/clock.ts";
import { MephistoError, messageOf } from "../../core/errors.ts";
import type { Lease } from "../../core/lease.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import { Supervisor } from "../../core/supervisor.ts";
import { Troubles } from "../../core/troubles.ts";
import type { Delivery, JoinOptions, MemberListener, Membership, Peer, TopicPartition } from "../../driver/driver.ts";
import type { Outcome } from "../../driver/group-plan.ts";
import { errorName, isRetriableCode } from "../../wire/error-codes.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Code } from "../connection/codes.ts";
import { ProtocolError } from "../connection/errors.ts";
import { Fetcher } from "./fetcher.ts";
import { Group } from "../group/group.ts";
import { commitOf } from "./offsets.ts";
import { BACKOFF, Backoff } from "../../core/backoff.ts";
import { pause, within } from "../../core/pause.ts";
import { Positions } from "./positions.ts";
import { SlowCoordinator } from "../group/slow-coordinator.ts";

/** How often what was handled is committed, in ms. */
const COMMIT_INTERVAL = 1000;
/** How often the leader looks whether topics have got more partitions, in ms. */
const WATCH_INTERVAL = 5000;
/** Partitions that are given up within this time are handed over together, in ms. */
const HAND_OVER = 20;
/** A coordinator that moves, or is only being made, is back within this time, in ms. */
const COORDINATOR_GRACE = 500;

/** A partition that this member holds. */
interface Held extends TopicPartition {
  /** Undefined until its position is known. */
  acks: Acknowledgements | undefined;
  /** On its way to another member, once what is in hand is finished. */
  leaving: boolean;
}

/**
 * A member of the group that reads what it is assigned: ties together the group, the fetcher and the offsets. A
 * partition that stays is never touched by a rebalance; one that moves is finished, committed, and then handed over.
 */
export class Consumer implements Membership {
  readonly #cluster: Cluster;
  readonly #options: JoinOptions;
  readonly #listener: MemberListener;
  readonly #group: Group;
  readonly #fetcher: Fetcher;
  readonly #positions: Positions;
  readonly #logger: Logger;
  readonly #troubles: Troubles;
  #trouble: string | undefined;
  readonly #held = new Map<string, Held>();
  /** By topic: what was begun last of it. */
  readonly #lastOf = new Map<string, Acknowledgements>();
  readonly #given: Held[] = [];
  /** What was handled of partitions that were lost: it counts if they come back. */
  readonly #lost = new Map<string, Acknowledgements>();
  readonly #supervisor: Supervisor;
  readonly #stop = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  #handingOver = false;
  /** How often partitions have been begun. */
  #begun = 0;
  #committing: Promise<number> | undefined;
  readonly #commits: ReturnType<typeof setInterval>;
  readonly #watch: ReturnType<typeof setInterval>;

  constructor(
    cluster: Cluster,
    options: JoinOptions,
    listener: MemberListener,
    logger: Logger,
    clock: Clock,
    troubles: Troubles = new Troubles(logger, clock),
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#listener = listener;
    this.#logger = logger;
    this.#troubles = troubles;
    const membership = troubles.of(`Membership in group ${options.group}`, {
      graceMs: COORDINATOR_GRACE,
      refusalGraceMs: COORDINATOR_GRACE,
      meaning: "Cut off from the group's coordinator.",
      back: "The group's coordinator answers again",
      always: true,
    });
    this.#positions = new Positions(cluster);
    const failed = (error: MephistoError) => listener.failed(error);
    const supervisor = this.#supervisor = options.supervisor ?? new Supervisor({ logger, clock, sleep: pause, failed });
    const deliver = (delivery: Delivery) => listener.deliver(delivery);
    this.#fetcher = new Fetcher(cluster, this.#positions, deliver, logger, clock, supervisor, options.budget, troubles);
    this.#group = new Group(cluster, { ...options, supervisor }, {
      owned: () => [...this.#held.values()].map(({ topic, partition }) => ({ topic, partition })),
      claim: () => listener.claim(),
      synced: (partitions, data, notBefore) => this.#synced(partitions, data, notBefore),
      expelled: () => this.#expelled(),
      failed: (error) => {
        this.#ready.reject(error);
        listener.failed(error);
      },
      unreachable: (error) => {
        // A broker that has just begun makes its groups' coordinator first: that is no outage, however long it takes.
        const isNew = this.lastContact === -Infinity && error.code === "PROTOCOL" && error.retriable;
        if (isNew) return logger.debug(error.message, codeField(error));
        this.#trouble = error.message;
        membership.failed(error);
      },
      reachable: () => {
        this.#trouble = undefined;
        membership.over();
      },
      refused: (error) => {
        const leading = troubles.of(`Leading group ${options.group}`);
        if (error) leading.failed(error);
        else leading.over();
      },
    }, clock);
    cluster.onChange(() => this.#group.replan());
    this.#ready.promise.catch(() => {}); // whoever waits for it hears of it
    this.#group.start();
    const commit = async () => void await this.#commit(this.#active());
    const watch = () => this.#group.watchTopics();
    const slow = new SlowCoordinator({ ...options, lookEveryMs: COMMIT_INTERVAL }, logger, clock);
    this.#commits = setInterval(() => {
      slow.look(this.#group.coordinator);
      void this.#once("Committing", commit);
    }, COMMIT_INTERVAL);
    this.#watch = setInterval(() => void this.#once("The watch over the topics", watch), WATCH_INTERVAL);
  }

  get lease(): Lease {
    return this.#group.lease;
  }

  get joined(): boolean {
    return this.#group.synced;
  }

  get trouble(): string | undefined {
    return this.joined ? undefined : this.#trouble;
  }

  get lastContact(): number {
    return this.#group.lastContact;
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  resign(): Promise<void> {
    return this.#group.resign();
  }

  standDown(): Promise<void> {
    return this.#group.standDown();
  }

  drain(): void {
    this.#group.drain();
    if (this.#held.size > 0) this.#group.rejoin();
  }

  askToResign(): void {
    this.#group.askToResign();
  }

  hurry(): void {
    this.#group.hurry();
  }

  async evict({ id, worker }: Peer): Promise<void> {
    try {
      await this.#group.evict(id);
    } catch (error) {
      this.#logger.debug(
        `Worker ${worker} is gone, and the group could not be told: ${messageOf(error)}`,
        codeField(error),
      );
    }
  }

  async leave(ms: number): Promise<void> {
    const until = performance.now() + ms;
    const all = [...this.#held.values()];
    for (const held of all) {
      held.leaving = true;
      this.#fetcher.remove(held);
    }
    await within(this.#listener.revoked(all), ms);
    clearInterval(this.#commits);
    clearInterval(this.#watch);
    const acks = this.#acks(all);
    this.#sayWhatIsRefused(acks, await this.#commitFirmly(acks, until));
    this.#stop.abort();
    const left = all.filter((held) => this.#holds(held)); // some may have been on their way already
    this.#close(left);
    this.#listener.handedOver(left);
    this.#fetcher.close();
    await within(this.#group.leave(), Math.max(500, until - performance.now()));
  }

  #synced(partitions: readonly TopicPartition[], data: Outcome, notBefore: number): void {
    const { generationId, incarnation } = this.#group;
    this.#listener.generation({
      generation: generationId,
      members: data.members,
      master: data.master === "" ? undefined : data.worker,
      masterVersion: data.version,
      masterWork: data.work,
      masterZones: data.zones,
      lacking: data.lacking,
      elected: data.master === incarnation,
      notBefore,
      peers: data.peers.map(({ memberId, worker, presence }) => ({ id: memberId, worker, presence })),
      heir: data.heir || undefined,
      resignAsked: data.resign && data.master === incarnation,
    });
    const assigned = new Map(partitions.map((each) => [partitionKey(each), each]));
    for (const [key, held] of this.#held) {
      if (!assigned.has(key) && !held.leaving) void this.#once("Giving up a partition", () => this.#giveUp(held));
    }
    const added: Held[] = [];
    for (const [key, { topic, partition }] of assigned) {
      if (this.#held.has(key)) continue; // it stays, or it is being given up and will be asked for again
      const held: Held = { topic, partition, acks: undefined, leaving: false };
      this.#held.set(key, held);
      added.push(held);
    }
    void this.#once("The beginning of new partitions", () => this.#begin(added));
  }

  #once(name: string, run: () => Promise<void>): Promise<void> {
    return this.#supervisor.once(name, run, { signal: this.#stop.signal });
  }

  /** Finds the positions of new partitions, and begins to read. */
  async #begin(added: readonly Held[]): Promise<void> {
    const backoff = new Backoff(BACKOFF.topic);
    const mine = () => added.filter((held) => this.#holds(held) && !held.leaving && held.acks === undefined);
    const report = this.#troubles.of("Finding where to begin reading");
    const part = String(++this.#begun);
    while (!this.#stop.signal.aborted) {
      try {
        const wanted = mine();
        if (wanted.length > 0) {
          // What is known of the topics may be older than what the leader of the group has planned with.
          const refused = await this.#refresh(wanted);
          const there = wanted.filter((held) => this.#exists(held));
          const { found, error } = await this.#positions.committed(this.#group, this.#options.group, there);
          await this.#read(mine(), found);
          // What is refused of one topic keeps no other from being read.
          if (error ?? refused) throw error ?? refused;
          report.over(part);
        } else report.drop(part); // others have them
        this.#ready.resolve();
        // What is not there, of a topic that was deleted meanwhile, keeps nothing else from being read.
        if (mine().length === 0) return;
        await pause(backoff.next(), this.#stop.signal);
      } catch (error) {
        if (!(error instanceof MephistoError)) throw error; // a fault of ours
        this.#logger.debug(`The positions are not known yet: ${messageOf(error)}`, codeField(error));
        report.failed(error, {}, part);
        await pause(backoff.next(), this.#stop.signal);
      }
    }
    report.drop(part);
  }

  /** Asks how their topics are; what some of them are refused with. Errors: those that pass. */
  async #refresh(partitions: readonly TopicPartition[]): Promise<MephistoError | undefined> {
    try {
      await this.#cluster.refresh([...new Set(partitions.map(({ topic }) => topic))]);
      return undefined;
    } catch (error) {
      if (error instanceof MephistoError && !error.retriable) return error;
      throw error;
    }
  }

  #exists({ topic, partition }: TopicPartition): boolean {
    return partition < (this.#cluster.topic(topic)?.leaders.length ?? 0);
  }

  async #read(wanted: readonly Held[], found: readonly Acknowledgements[]): Promise<void> {
    const begun: Held[] = [];
    const known = new Map(found.map((acks) => [partitionKey(acks), acks]));
    for (const held of wanted) {
      const acks = known.get(partitionKey(held));
      held.acks = acks && this.#resumed(acks);
      if (acks) begun.push(held);
    }
    this.#sayWhatBeginsAnew(begun);
    if (begun.length > 0) this.#listener.assigned(begun);
    // At once, and before anything more is handled: whoever is expelled after each message would get no further.
    const carried = this.#acks(begun).filter(({ position, committed }) => position > committed);
    if (carried.length > 0) {
      const where = carried.map((each) => `${partitionName(each)} at ${each.position}`);
      this.#logger.info(`Goes on where this worker had got to before: ${where.join(", ")}.`);
      await this.#commitFirmly(carried, performance.now() + this.#options.sessionTimeout / 4);
    }
    for (const held of begun) {
      const { acks, leaving } = held;
      if (acks && !leaving && this.#holds(held)) this.#fetcher.add(acks);
    }
  }

  /** A topic may be another one since its partitions were read here last: given up when it was gone, and assigned again. */
  #sayWhatBeginsAnew(begun: readonly Held[]): void {
    for (const { acks } of begun) {
      if (acks === undefined) continue;
      const { topic, topicId } = acks;
      const former = this.#lastOf.get(topic)?.topicId;
      this.#lastOf.set(topic, acks);
      if (former === undefined || former === topicId) continue;
      const what = `Topic ${topic} has been deleted and created again`;
      this.#logger.warn(`${what}: what is read from now on is of the new one.`, { topic });
    }
  }

  /** The acknowledgements of before, if the partition was lost and what was handled of it still counts. */
  #resumed(found: Acknowledgements): Acknowledgements {
    const key = partitionKey(found);
    const before = this.#lost.get(key);
    this.#lost.delete(key);
    return before?.resume(found.topicId, found.position) ? before : found;
  }

  /** Finishes what is in hand of a partition; then it is handed over, together with others that are ready. */
  async #giveUp(held: Held): Promise<void> {
    held.leaving = true;
    this.#fetcher.remove(held);
    if (held.acks) await this.#listener.revoked([held]);
    if (this.#stop.signal.aborted || !this.#holds(held)) return;
    this.#given.push(held);
    if (this.#handingOver) return;
    this.#handingOver = true;
    await pause(HAND_OVER, this.#stop.signal);
    this.#handingOver = false;
    await this.#handOver(this.#given.splice(0));
  }

  async #handOver(given: readonly Held[]): Promise<void> {
    // Committed before they are given up: nobody checks who commits, and the next owner begins where the group is.
    const acks = this.#acks(given);
    this.#sayWhatIsRefused(acks, await this.#commitFirmly(acks, Infinity));
    const left = given.filter((held) => this.#holds(held));
    if (left.length === 0 || this.#stop.signal.aborted) return;
    this.#close(left);
    this.#listener.handedOver(left);
    this.#group.rejoin();
  }

  #expelled(): void {
    const lost = [...this.#held.values()];
    for (const held of lost) this.#fetcher.remove(held);
    for (const { acks } of lost) if (acks) this.#lost.set(partitionKey(acks), acks);
    this.#close(lost);
    this.#given.length = 0;
    if (lost.length > 0) this.#listener.lost(lost);
    this.#listener.expelled();
  }

  #close(partitions: readonly Held[]): void {
    for (const held of partitions) {
      if (held.acks) held.acks.closed = true;
      this.#held.delete(partitionKey(held));
    }
  }

  #holds(held: Held): boolean {
    return this.#held.get(partitionKey(held)) === held;
  }

  #acks(partitions: Iterable<Held>): Acknowledgements[] {
    return [...partitions].flatMap(({ acks }) => acks ?? []);
  }

  #active(): Acknowledgements[] {
    return this.#acks(this.#held.values());
  }

  /**
   * Commits until it is accepted, or refused for a session, or the partitions are lost, or time is over; gives the last
   * answer's code.
   */
  async #commitFirmly(acks: readonly Acknowledgements[], until: number): Promise<number> {
    const backoff = new Backoff(BACKOFF.coordinator);
    let refusedSince: number | undefined;
    let code: number = Code.NONE;
    while (acks.some(isBehind)) {
      await this.#committing;
      code = await this.#commit(acks);
      if (code === Code.NONE) continue;
      if (!isRefusal(code)) refusedSince = undefined;
      else if (performance.now() - (refusedSince ??= performance.now()) >= this.#options.sessionTimeout) break;
      if (code === Code.UNKNOWN_TOPIC_OR_PARTITION) await this.#closeDeleted(acks);
      if (performance.now() > until || this.#stop.signal.aborted) break;
      await pause(backoff.next(), this.#stop.signal);
    }
    return code;
  }

  /** A partition is not kept for ever for a commit that is refused: whoever has it next handles some of it again. */
  #sayWhatIsRefused(acks: readonly Acknowledgements[], code: number): void {
    if (!isRefusal(code)) return;
    const again = acks.filter((each) => isBehind(each) && each.committed >= 0);
    if (again.length === 0 || this.#stop.signal.aborted) return;
    const where = again.map((each) => `${partitionName(each)} from offset ${each.committed} to ${each.position - 1}`);
    this.#logger.warn(
      `Given up without a commit, which Kafka refuses: ${where.join(", ")}. It is handled again by the next worker.`,
    );
  }

  /**
   * Of a topic or a partition that is gone nothing can be committed, nor may it be: the next one of its name is another
   * log.
   */
  async #closeDeleted(acks: readonly Acknowledgements[]): Promise<void> {
    try {
      await this.#cluster.refresh([...new Set(acks.map(({ topic }) => topic))]);
    } catch {
      return; // the next commit asks again
    }
    for (const each of acks) {
      if (!this.#exists(each) || this.#cluster.topic(each.topic)?.topicId !== each.topicId) each.closed = true;
    }
  }

  /**
   * Commits once what is behind; gives the error code, or 0. In the middle of a rebalance the coordinator may answer
   * that the generation is not the current one any more, or not settled yet: then it is kept, for the next time.
   */
  #commit(acks: readonly Acknowledgements[]): Promise<number> {
    this.#committing ??= this.#commitOnce(acks).finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  async #commitOnce(acks: readonly Acknowledgements[]): Promise<number> {
    const { memberId, generationId } = this.#group;
    if (memberId === "" || generationId < 0) return Code.UNKNOWN_MEMBER_ID;
    const { group, instanceId = null } = this.#options;
    const commit = commitOf({ groupId: group, generationId, memberId, groupInstanceId: instanceId }, acks);
    const report = this.#troubles.of("Committing what was handled");
    if (commit === undefined) {
      if (!this.#active().some(isBehind)) report.drop(); // what was refused has been given up, or is another's
      return Code.NONE;
    }
    try {
      const refused = commit.apply(await this.#group.ask(commit.call));
      const code = refused?.errorCode ?? Code.NONE;
      if (refused === undefined) report.over();
      else {
        this.#logger.debug(`A commit waits: ${errorName(code)}`, { code: errorName(code) });
        if (!OF_THE_GROUP.has(code)) report.failed(new ProtocolError(code, `Offsets of ${refused.topic}`), refused);
      }
      return code;
    } catch (error) {
      if (!(error instanceof MephistoError)) throw error; // a fault of ours
      this.#logger.debug(`A commit waits: ${messageOf(error)}`, codeField(error));
      report.failed(error);
      return Code.COORDINATOR_NOT_AVAILABLE;
    }
  }
}

/** What the group's next generation settles, or whoever looks after the topics. */
const OF_THE_GROUP: ReadonlySet<number> = new Set([
  Code.ILLEGAL_GENERATION,
  Code.UNKNOWN_MEMBER_ID,
  Code.REBALANCE_IN_PROGRESS,
  Code.UNKNOWN_TOPIC_OR_PARTITION,
]);

/** Whether a commit was refused for good. */
function isRefusal(code: number): boolean {
  return code !== Code.NONE && !isRetriableCode(code) && !OF_THE_GROUP.has(code);
}

function isBehind({ closed, position, committed }: Acknowledgements): boolean {
  return !closed && position > committed;
}
