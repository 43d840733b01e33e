/**
 * What the group's leader works out of what the members say: who gets which partition, who is master, and what each member
 * is told of it. Without I/O, the same for every driver.
 */
import { balance } from "../core/balance.ts";
import { partitionKey } from "../core/topic-partition.ts";
import { candidates, elect, mustGo, worksOf } from "../core/election.ts";
import { compareWork, isSameWork, summaryOf, type WorkSummary } from "../core/master-work.ts";
import type { LackingWorker, MemberProfile, Presence, TopicPartition, ZoneData } from "./driver.ts";

/** What a member says of itself. All of it is bounded: each member's is kept by the broker, in one record for the group. */
export interface MemberData extends Omit<MemberProfile, "mayBeMaster" | "timers"> {
  /** What it has to run on the master. */
  readonly work: WorkSummary;
  /** Of this run of the process: a static member that is restarted keeps its place, but is another. */
  readonly incarnation: string;
  /** The generation in which it won the mastership that it still holds, or 0. */
  readonly claim: number;
  /** Whether it stands for election. */
  readonly eligible: boolean;
  /** For how many ms more a lease may be held that the others do not know of: a predecessor's, or of a lost group's. */
  readonly leaseGraceMs: number;
  /** The incarnation of a master that is asked to stand down, or "". */
  readonly asksToYield: string;
  /** Whether it is stopping: it takes no partitions, and is not elected. Leaders of before do not know this. */
  readonly draining: boolean;
}

/** What a member joins with. */
export interface Subscription {
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  readonly owned: readonly TopicPartition[];
  /** The generation that `owned` is from. */
  readonly generation: number;
  readonly data: MemberData;
}

/** A member as the leader sees it. */
export interface Member extends Subscription {
  readonly memberId: string;
}

/** What the leader decides. */
export interface Plan {
  /** By member id. A partition that has to move is nobody's until its owner has given it up. */
  readonly partitions: ReadonlyMap<string, readonly TopicPartition[]>;
  readonly master: Member | undefined;
  /**
   * How long the master has to wait before it acts, in ms; one that is active already does not. Who claims what it inherited
   * waits itself: the others are to know it too, since it may be gone before the time is over.
   */
  readonly leaseGraceMs: number;
  /** Who would be elected in the master's place. */
  readonly successor: Member | undefined;
  /** Whether the master is asked to stand down for the successor. While its lease holds no other can be elected. */
  readonly resign: boolean;
}

/**
 * Plans a generation. `counts`: partitions of each topic. Incremental: a partition that has an owner goes to another only
 * after the owner has given it up (KIP-429).
 */
export function plan(members: readonly Member[], counts: ReadonlyMap<string, number>, leader: string): Plan {
  const planning = planInSteps(members, counts, leader);
  for (;;) {
    const { done, value } = planning.next();
    if (done) return value;
  }
}

/**
 * As {@link plan}, in steps of little work: whoever leads a large group lets its heartbeats go on in between. `due`: what is
 * to be waited for before the next step; undefined: nothing.
 */
export async function planInTurns(
  members: readonly Member[],
  counts: ReadonlyMap<string, number>,
  leader: string,
  due: () => Promise<void> | undefined,
): Promise<Plan> {
  const planning = planInSteps(members, counts, leader);
  for (;;) {
    const { done, value } = planning.next();
    if (done) return value;
    const rest = due();
    if (rest) await rest;
  }
}

function* planInSteps(
  members: readonly Member[],
  counts: ReadonlyMap<string, number>,
  leader: string,
): Generator<void, Plan> {
  const owners = ownersOf(members);
  const target = yield* balance(members.filter(({ data }) => !data.draining), counts, owners);
  const mayHave = (memberId: string) => (at: TopicPartition) => (owners.get(partitionKey(at)) ?? memberId) === memberId;
  const partitions = new Map(
    members.map((member) => [member.memberId, (target.get(member.memberId) ?? []).filter(mayHave(member.memberId))]),
  );
  const master = elect(members, leader);
  const successor = master && candidates(members, leader).find((member) => member !== master);
  const claimed = master !== undefined && master.data.claim > 0;
  return {
    partitions,
    master,
    leaseGraceMs: claimed ? master.data.leaseGraceMs : Math.max(0, ...members.map(({ data }) => data.leaseGraceMs)),
    successor,
    resign: master !== undefined && successor !== undefined && mustGo(master, members),
  };
}

/** What the members of a simulation plan by: the very one that runs in earnest, or a mutant of it. */
export type Assign = typeof plan;

/** Who owns what. Of two that claim one partition the later generation is right; of the same generation neither is. One may say it twice. */
function ownersOf(members: readonly Member[]): Map<string, string> {
  const claims = new Map<string, { memberId: string; generation: number }>();
  for (const { memberId, owned, generation } of members) {
    for (const at of owned) {
      const key = partitionKey(at);
      const other = claims.get(key);
      if (other === undefined || other.generation < generation) claims.set(key, { memberId, generation });
      else if (other.generation === generation && other.memberId !== memberId) {
        claims.set(key, { memberId: "", generation });
      }
    }
  }
  return new Map(
    [...claims].filter(([, { memberId }]) => memberId !== "").map(([key, { memberId }]) => [key, memberId]),
  );
}

/** A member that another one is to watch. */
export interface PeerData {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly worker: string;
  readonly presence: Presence;
}

/** What one member is told of the outcome, beside its partitions. */
export interface Outcome {
  /** The incarnation that is master, or "". */
  readonly master: string;
  /** Its worker's name, and the version of its script. */
  readonly worker: string;
  readonly version: string;
  /** Its instance id, or "". */
  readonly instanceId: string;
  readonly members: number;
  /** What it has to run, and its time zone data: left out where they are the member's own. */
  readonly work?: WorkSummary | undefined;
  readonly zones?: ZoneData | undefined;
  /** The master alone: workers that lack something of what it has to run. */
  readonly lacking: readonly LackingWorker[];
  /** How long the master waits before it acts, in ms: as long as a member has asked for. */
  readonly leaseGraceMs: number;
  /** The worker that would be elected in the master's place, or "". */
  readonly successor: string;
  /** Whether the master is asked to stand down for it. */
  readonly resign: boolean;
  /** Whom this member is to watch. */
  readonly peers: readonly PeerData[];
}

/** The master is told of so many workers at most that lack something, each of another work. */
const MOST_LACKING = 3;
/** In a group of more than this, nobody watches all others. */
const MOST_WATCHED = 32;

/** What each member is told of a plan. `isTight`: as little as can be. */
export function outcomes<M extends Member>(
  members: readonly M[],
  decided: Plan,
  isTight = false,
): { member: M; outcome: Outcome }[] {
  const { master, successor, leaseGraceMs, resign } = decided;
  const common = {
    master: master?.data.incarnation ?? "",
    worker: master?.data.worker ?? "",
    version: master?.data.version ?? "",
    instanceId: master?.instanceId ?? "",
    members: members.length,
    leaseGraceMs,
    successor: successor?.data.worker ?? "",
    resign,
  };
  const peersOf = peers(members, decided, isTight);
  return members.map((member) => ({
    member,
    outcome: {
      ...common,
      ...(master && !isSameWork(master.data.work, member.data.work) && { work: master.data.work }),
      ...(master?.data.zones && !isSameData(master.data.zones, member.data.zones) && { zones: master.data.zones }),
      lacking: member === master ? lackingIn(member, members) : [],
      peers: peersOf(member),
    },
  }));
}

function isSameData(a: ZoneData, b: ZoneData | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** One worker of each work that is not all of the master's; who has none stands by for handlers, and is meant to. */
function lackingIn(master: Member, members: readonly Member[]): LackingWorker[] {
  const others = worksOf(members).filter(({ data: { work } }) =>
    work.count > 0 && !isSameWork(work, master.data.work) && compareWork(master.data.work, work)?.more !== 0
  );
  return others.slice(0, MOST_LACKING).map(({ data: { worker, version, work } }) => ({ worker, version, work }));
}

/**
 * Whom a member is to watch: everybody the master and one more, its successor if it has one, and these two everybody, so that
 * two that die at once are seen too. In a large group each watches the master and the one after it in a ring instead: lists
 * of all would make the group too large for the broker. `isTight`: only the master. Of static members only the master is watched: one that is started
 * again soon is to find its place kept.
 */
function peers(
  members: readonly Member[],
  { master, successor }: Plan,
  isTight: boolean,
): (member: Member) => PeerData[] {
  const isWatched = (each: Member) => each === master || each.instanceId === null;
  const told = (watched: readonly (Member | undefined)[], by: Member) =>
    [...new Set(watched)].flatMap((each) => each && each !== by && isWatched(each) ? peerOf(each) : []);
  if (isTight) return (member) => told([master], member);
  if (members.length <= MOST_WATCHED) {
    const second = successor ?? members.find((each) => each !== master && each.data.presence !== undefined);
    const sentinels = [master, second];
    return (member) => told(sentinels.includes(member) ? members : sentinels, member);
  }
  const ring = members.filter((each) => each.instanceId === null && each.data.presence !== undefined)
    .sort((a, b) => a.memberId < b.memberId ? -1 : 1);
  const next = new Map(ring.map((each, index) => [each, ring[(index + 1) % ring.length]]));
  return (member) => told([master, next.get(member)], member);
}

function peerOf({ memberId, instanceId, data: { worker, presence } }: Member): PeerData[] {
  return presence === undefined ? [] : [{ memberId, instanceId, worker, presence }];
}

/** What a member states of its profile. */
export function statedOf({ timers, mayBeMaster: _, ...profile }: MemberProfile) {
  return { ...profile, work: summaryOf(timers) };
}
