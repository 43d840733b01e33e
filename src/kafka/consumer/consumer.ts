import { partitionKey } from "../../core/topic-partition.ts";
import type { Clock } from "../../core/clock.ts";
import { type MephistoError, messageOf } from "../../core/errors.ts";
import type { Lease } from "../../core/lease.ts";
import { codeField, type Logger } from "../../core/logger.ts";
import { Supervisor } from "../../core/supervisor.ts";
import { BackgroundReports } from "../../core/background-reports.ts";
import type { Delivery, JoinOptions, MemberListener, Membership, Peer, TopicPartition } from "../../driver/driver.ts";
import type { Outcome } from "../../driver/group-plan.ts";
import type { Cluster } from "../connection/cluster.ts";
import { Beginnings } from "./beginnings.ts";
import { Commits } from "./commits.ts";
import { Fetcher } from "./fetch/fetcher.ts";
import { Group } from "../group/group.ts";
import { deadline, delay, repeat } from "../../core/delay.ts";
import { acksOf, type Held, HeldPartitions } from "./held.ts";
import { Positions } from "./positions.ts";
import { SlowCoordinator } from "../group/slow-coordinator.ts";

/** How often what was handled is committed. */
const COMMIT_INTERVAL_MS = 1000;
/** How often the leader looks whether topics have got more partitions. */
const WATCH_INTERVAL_MS = 5000;
/** Partitions that are given up within this time are handed over together. */
const HAND_OVER_BATCH_MS = 20;
/** A coordinator that moves, or is only being made, is back within this time. */
const COORDINATOR_GRACE_MS = 500;

/**
 * A member of the group that reads what it is assigned: ties together the group, the fetcher and the offsets. A
 * partition that stays is never touched by a rebalance; one that moves is finished, committed, and then handed over.
 */
export class Consumer implements Membership {
  readonly #listener: MemberListener;
  readonly #group: Group;
  readonly #fetcher: Fetcher;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #trouble: string | undefined;
  readonly #held = new HeldPartitions();
  readonly #given: Held[] = [];
  readonly #supervisor: Supervisor;
  readonly #stop = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  #handingOver = false;
  readonly #commits: Commits;
  readonly #beginnings: Beginnings;
  readonly #endCommitting: () => void;
  readonly #endWatch: () => void;

  constructor(
    cluster: Cluster,
    options: JoinOptions,
    listener: MemberListener,
    logger: Logger,
    clock: Clock,
    troubles: BackgroundReports = new BackgroundReports(logger, clock),
  ) {
    this.#listener = listener;
    this.#logger = logger;
    this.#clock = clock;
    const membership = troubles.of(`Membership in group ${options.group}`, {
      graceMs: COORDINATOR_GRACE_MS,
      refusalGraceMs: COORDINATOR_GRACE_MS,
      meaning: "Cut off from the group's coordinator.",
      back: "The group's coordinator answers again",
      always: true,
    });
    const positions = new Positions(cluster);
    const failed = (error: MephistoError) => listener.failed(error);
    const supervisor = this.#supervisor = options.supervisor ?? new Supervisor({ logger, clock, sleep: delay, failed });
    const deliver = (delivery: Delivery) => listener.deliver(delivery);
    this.#fetcher = new Fetcher(cluster, positions, deliver, logger, clock, supervisor, options.budget, troubles);
    this.#group = new Group(cluster, { ...options, supervisor }, {
      owned: () => this.#held.all().map(({ topic, partition }) => ({ topic, partition })),
      claim: () => listener.claim(),
      synced: (partitions, data, notBefore) => this.#synced(partitions, data, notBefore),
      removed: () => this.#removed(),
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
    this.#commits = new Commits({
      cluster,
      group: this.#group,
      options,
      report: troubles.of("Committing what was handled"),
      logger,
      clock,
      signal: this.#stop.signal,
      active: () => acksOf(this.#held.all()),
    });
    this.#beginnings = new Beginnings({
      cluster,
      group: this.#group,
      groupId: options.group,
      sessionTimeout: options.sessionTimeout,
      listener,
      held: this.#held,
      positions,
      commits: this.#commits,
      fetcher: this.#fetcher,
      report: troubles.of("Finding where to begin reading"),
      logger,
      clock,
      signal: this.#stop.signal,
      ready: () => this.#ready.resolve(),
    });
    this.#group.start();
    const commit = () => this.#commits.now();
    const watch = () => this.#group.watchTopics();
    const slow = new SlowCoordinator({ ...options, lookEveryMs: COMMIT_INTERVAL_MS }, logger, clock);
    this.#endCommitting = repeat(cluster.time, COMMIT_INTERVAL_MS, () => {
      slow.look(this.#group.coordinator);
      void this.#once("Committing", commit);
    });
    this.#endWatch = repeat(cluster.time, WATCH_INTERVAL_MS, () => void this.#once("The watch over the topics", watch));
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

  yieldMastership(): Promise<void> {
    return this.#group.yieldMastership();
  }

  drain(): void {
    this.#group.drain();
    if (this.#held.size > 0) this.#group.rejoin();
  }

  askToResign(): void {
    this.#group.askToResign();
  }

  heartbeatNow(): void {
    this.#group.heartbeatNow();
  }

  async evict({ id, worker }: Peer): Promise<void> {
    try {
      await this.#group.evict(id);
    } catch (error) {
      this.#logger.debug(
        `Worker ${worker} is gone, and the group could not hear of it: ${messageOf(error)}`,
        codeField(error),
      );
    }
  }

  async leave(ms: number): Promise<void> {
    const until = this.#clock.monotonic() + ms;
    const all = this.#held.all();
    for (const held of all) {
      held.leaving = true;
      this.#fetcher.remove(held);
    }
    await deadline(this.#listener.revoked(all), ms);
    this.#endCommitting();
    this.#endWatch();
    const acks = acksOf(all);
    await this.#commits.last(acks, until);
    this.#stop.abort();
    const left = all.filter((held) => this.#held.isOurs(held)); // some may have been on their way already
    this.#held.close(left);
    this.#listener.handedOver(left);
    this.#fetcher.close();
    await deadline(this.#group.leave(), Math.max(500, until - this.#clock.monotonic()));
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
      successor: data.successor || undefined,
      resignAsked: data.resign && data.master === incarnation,
    });
    const assigned = new Map(partitions.map((each) => [partitionKey(each), each]));
    for (const held of this.#held.all()) {
      if (!assigned.has(partitionKey(held)) && !held.leaving) {
        void this.#once("Giving up a partition", () => this.#giveUp(held));
      }
    }
    const added: Held[] = [];
    for (const each of assigned.values()) {
      // One that is held stays, or is being given up and will be asked for again.
      if (!this.#held.has(each)) added.push(this.#held.add(each));
    }
    void this.#once("The beginning of new partitions", () => this.#beginnings.begin(added));
  }

  #once(name: string, run: () => Promise<void>): Promise<void> {
    return this.#supervisor.once(name, run, { signal: this.#stop.signal });
  }

  /** Finishes what is in hand of a partition; then it is handed over, together with others that are ready. */
  async #giveUp(held: Held): Promise<void> {
    held.leaving = true;
    this.#fetcher.remove(held);
    if (held.acks) await this.#listener.revoked([held]);
    if (this.#stop.signal.aborted || !this.#held.isOurs(held)) return;
    this.#given.push(held);
    if (this.#handingOver) return;
    this.#handingOver = true;
    await delay(HAND_OVER_BATCH_MS, this.#stop.signal);
    this.#handingOver = false;
    await this.#handOver(this.#given.splice(0));
  }

  async #handOver(given: readonly Held[]): Promise<void> {
    // Committed before they are given up: nobody checks who commits, and the next owner begins where the group is.
    const acks = acksOf(given);
    await this.#commits.last(acks, Infinity);
    const left = given.filter((held) => this.#held.isOurs(held));
    if (left.length === 0 || this.#stop.signal.aborted) return;
    this.#held.close(left);
    this.#listener.handedOver(left);
    this.#group.rejoin();
  }

  #removed(): void {
    const lost = this.#held.all();
    for (const held of lost) this.#fetcher.remove(held);
    for (const acks of acksOf(lost)) this.#beginnings.lost(acks);
    this.#held.close(lost);
    this.#given.length = 0;
    if (lost.length > 0) this.#listener.lost(lost);
    this.#listener.removed();
  }
}
