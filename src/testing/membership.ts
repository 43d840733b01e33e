import { Acknowledgements } from "../core/acknowledgements.ts";
import { CommitLoop, type CommitOutcome, isBehind } from "../core/commit-loop.ts";
import type { ByteBudget } from "../core/byte-budget.ts";
import type { Lease } from "../core/lease.ts";
import { deadline } from "../core/delay.ts";
import { partitionKey } from "../core/topic-partition.ts";
import type { Delivery, JoinOptions, MemberListener, Membership, Peer, TopicPartition } from "../driver/driver.ts";
import type { Assignment } from "./groups.ts";
import { GroupMember, type MemberParts } from "./member.ts";
import { Reader } from "./reader.ts";

/** How often what was handled is committed. */
const COMMIT_INTERVAL_MS = 1000;
/** After a commit that was not accepted. */
const RETRY_PAUSE_MS = 50;

/** A partition that this member holds. */
interface Held extends TopicPartition {
  /** Undefined until its position is known. */
  reader: Reader | undefined;
  leaving: boolean;
}

/** A member of the group that reads what it is assigned: finishes, commits, and only then hands over. */
export class MemoryMembership implements Membership {
  readonly member: GroupMember;
  readonly #parts: MemberParts;
  readonly #listener: MemberListener;
  readonly #budget: ByteBudget | undefined;
  readonly #held = new Map<string, Held>();
  readonly #ready = Promise.withResolvers<void>();
  /** What was handled of partitions that were lost: it counts if they come back. */
  readonly #lost = new Map<string, Acknowledgements>();
  #stopped = false;
  readonly #commits: CommitLoop;

  constructor(parts: MemberParts, options: JoinOptions, listener: MemberListener) {
    this.#parts = parts;
    this.#listener = listener;
    this.#budget = options.budget;
    this.member = new GroupMember(parts, options, {
      owned: () => [...this.#held.values()].map(({ topic, partition }) => ({ topic, partition })),
      claim: () => listener.claim(),
      synced: (assignment, notBefore) => this.#synced(assignment, notBefore),
      removed: () => this.#removed(),
      failed: (error) => {
        this.#stopped = true;
        this.#ready.reject(error);
        listener.failed(error);
      },
    });
    this.#ready.promise.catch(() => {}); // whoever waits for it hears of it
    this.#commits = new CommitLoop({
      clock: parts.host,
      commit: (acks) => this.#commit(acks),
      closeGone: () => Promise.resolve(),
      pauses: () => () => parts.host.sleep(RETRY_PAUSE_MS),
      refusalMs: Infinity,
      stopped: () => this.#stopped,
    });
    this.member.start();
    void this.#commitNowAndThen();
  }

  get lease(): Lease {
    return this.member.lease;
  }

  get joined(): boolean {
    return this.member.synced;
  }

  get lastContact(): number {
    return this.member.lastContact;
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  resign(): Promise<void> {
    return this.member.resign();
  }

  yieldMastership(): Promise<void> {
    return this.member.yieldMastership();
  }

  drain(): void {
    this.member.wish({ type: "drain" });
    if (this.#held.size > 0) this.member.wish({ type: "rejoin" });
  }

  askToResign(): void {
    this.member.wish({ type: "askToResign" });
  }

  heartbeatNow(): void {
    this.member.wish({ type: "heartbeatNow" });
  }

  async evict({ id }: Peer): Promise<void> {
    await this.member.evict(id).catch(() => {}); // its session will end
  }

  async leave(ms: number): Promise<void> {
    const { host } = this.#parts;
    const until = host.monotonic() + ms;
    const all = [...this.#held.values()];
    for (const held of all) {
      held.leaving = true;
      held.reader?.stop();
    }
    await deadline(this.#listener.revoked(all), ms, host.sleep);
    await this.#commits.firmly(acksOf(all), until);
    this.#stopped = true;
    const left = all.filter((held) => this.#holds(held)); // some may have been on their way already
    this.#close(left);
    this.#listener.handedOver(left);
    await deadline(this.member.leave(), Math.max(500, until - host.monotonic()), host.sleep);
  }

  #synced(given: Assignment, notBefore: number): void {
    const { partitions, master, worker, version, work, zones, lacking, members, peers, successor, resign } = given;
    const elected = master === this.#parts.incarnation;
    this.#listener.generation({
      generation: this.member.generation,
      members,
      master: master === "" ? undefined : worker,
      masterVersion: version,
      masterWork: work,
      masterZones: zones,
      lacking,
      elected,
      notBefore,
      peers,
      successor: successor || undefined,
      resignAsked: resign && elected,
    });
    const assigned = new Map(partitions.map((at) => [partitionKey(at), at]));
    for (const [key, held] of this.#held) if (!assigned.has(key) && !held.leaving) void this.#giveUp(held);
    const added: Held[] = [];
    for (const [key, { topic, partition }] of assigned) {
      if (this.#held.has(key)) continue; // it stays, or it is being given up and will be asked for again
      const held: Held = { topic, partition, reader: undefined, leaving: false };
      this.#held.set(key, held);
      added.push(held);
    }
    void this.#begin(added);
  }

  async #begin(added: readonly Held[]): Promise<void> {
    const { log, host } = this.#parts;
    const mine = () => added.filter((held) => this.#holds(held) && !held.leaving);
    while (!this.#stopped) {
      try {
        if (mine().length > 0) {
          const found = await this.member.ask("OffsetFetch", (group) =>
            added.map((at) => ({
              position: group.offsets.get(partitionKey(at)) ?? log.partition(at)?.start ?? 0,
              id: log.topics.get(at.topic)?.id ?? "",
            })));
          await this.#read(mine(), (held) => found[added.indexOf(held)] ?? { position: 0, id: "" });
        }
        return this.#ready.resolve();
      } catch {
        await host.sleep(RETRY_PAUSE_MS);
      }
    }
  }

  async #read(still: readonly Held[], at: (held: Held) => { position: number; id: string }): Promise<void> {
    const { log, network, host } = this.#parts;
    const deliver = (delivery: Delivery) => this.#listener.deliver(delivery);
    this.#listener.assigned(still);
    for (const held of still) {
      const { position, id } = at(held);
      const before = this.#lost.get(partitionKey(held));
      this.#lost.delete(partitionKey(held));
      const acks = before?.resume(id, position) ? before : new Acknowledgements(held, position);
      held.reader = new Reader(log, network, host, acks, deliver, this.#budget);
    }
    // At once, and before anything more is handled: whoever is removed after each message would get no further.
    await this.#commits.firmly(acksOf(still), host.monotonic() + this.member.session / 4);
    for (const held of still) if (this.#holds(held) && !held.leaving) void held.reader?.read(at(held).id);
  }

  async #giveUp(held: Held): Promise<void> {
    held.leaving = true;
    held.reader?.stop();
    if (held.reader) await this.#listener.revoked([held]);
    // Committed before it is given up: nobody checks who commits, and the next owner begins where the group is.
    await this.#commits.firmly(acksOf([held]), Infinity);
    if (this.#stopped || !this.#holds(held)) return;
    this.#close([held]);
    this.#listener.handedOver([held]);
    this.member.wish({ type: "rejoin" });
  }

  #removed(): void {
    const lost = [...this.#held.values()];
    for (const { reader } of lost) reader?.stop();
    for (const { reader } of lost) if (reader) this.#lost.set(partitionKey(reader), reader.acks);
    this.#close(lost);
    if (lost.length > 0) this.#listener.lost(lost);
    this.#listener.removed();
  }

  #close(partitions: readonly Held[]): void {
    for (const held of partitions) {
      if (held.reader) held.reader.acks.closed = true;
      this.#held.delete(partitionKey(held));
    }
  }

  #holds(held: Held): boolean {
    return this.#held.get(partitionKey(held)) === held;
  }

  async #commitNowAndThen(): Promise<void> {
    while (!this.#stopped) {
      await this.#parts.host.sleep(COMMIT_INTERVAL_MS);
      await this.#commits.commit(acksOf(this.#held.values()));
    }
  }

  async #commit(acks: readonly Acknowledgements[]): Promise<CommitOutcome> {
    const { memberId, generation } = this.member;
    const sent = acks.filter(isBehind).map((acks) => ({ acks, ...acks.commit() }));
    if (sent.length === 0) return "accepted";
    if (memberId === "" || generation < 0) return "waits";
    const offsets = new Map(sent.map(({ acks, position }) => [partitionKey(acks), position]));
    try {
      const error = await this.member.ask("OffsetCommit", (group) => group.commit(memberId, generation, offsets));
      if (error) return "waits";
      for (const { accepted } of sent) accepted();
      return "accepted";
    } catch {
      return "waits";
    }
  }
}

function acksOf(partitions: Iterable<Held>): Acknowledgements[] {
  return [...partitions].flatMap(({ reader }) => reader?.acks ?? []);
}
