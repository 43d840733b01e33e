/**
 * Who is master: worked out by the group's leader from what the members say. A running lease cannot be ended by electing
 * another: whoever claims mastership keeps it, and who else would be better waits until somebody has to be elected.
 */
import { compareWork, isSameWork, type WorkSummary } from "./master-work.ts";
import { compareVersions } from "./versions.ts";

/** What a member says of itself, as far as it counts for who is elected. */
export interface Standing {
  readonly memberId: string;
  readonly data: {
    readonly incarnation: string;
    readonly version: string;
    readonly work: WorkSummary;
    readonly claim: number;
    readonly eligible: boolean;
    readonly draining: boolean;
    readonly asksToYield: string;
  };
}

/** Different works that are compared at most: a group of more is in no state that one of them could be said to have it all. */
const MOST_WORKS = 32;

/** A member that claims mastership keeps it, of several the one elected in the highest generation. */
export function elect<M extends Standing>(members: readonly M[], leader: string): M | undefined {
  const claimants = members.filter(({ data }) => data.eligible && data.claim > 0);
  return claimants.sort((a, b) => b.data.claim - a.data.claim || byId(a, b))[0] ?? candidates(members, leader)[0];
}

/**
 * Who may be elected where nobody claims, the best first: of those that have work those that have all of what the members
 * have together; where there is none the newest version, of that those with most. Of these the leader, which is known to be
 * alive.
 */
export function candidates<M extends Standing>(members: readonly M[], leader: string): M[] {
  const isNeeded = members.some(hasWork);
  const standing = members.filter((member) =>
    member.data.eligible && !member.data.draining && (hasWork(member) || !isNeeded)
  );
  const all = allOf(members.filter(({ data }) => !data.draining));
  const whole = all ? standing.filter(({ data }) => isSameWork(data.work, all)) : [];
  const isLeader = ({ memberId }: M) => Number(memberId === leader);
  return (whole.length > 0 ? whole : standing).sort((a, b) =>
    compareVersions(b.data.version, a.data.version) || b.data.work.count - a.data.work.count ||
    isLeader(b) - isLeader(a) || byId(a, b)
  );
}

/** Whether the master is to let another one be elected: somebody asks for it, or it has nothing of what is to be run. */
export function mustGo(master: Standing, members: readonly Standing[]): boolean {
  return !hasWork(master) && members.some(hasWork) ||
    members.some(({ data }) => data.asksToYield !== "" && data.asksToYield === master.data.incarnation);
}

/** The works of members that are different, with one member of each, in the order of its first. */
export function worksOf<M extends Standing>(members: readonly M[]): M[] {
  const byWork = new Map<string, M>();
  for (const member of members) {
    const { count, sketch } = member.data.work;
    const key = `${count} ${sketch}`;
    if (!byWork.has(key)) byWork.set(key, member);
  }
  return [...byWork.values()];
}

/** The work in which that of all others is; undefined when there is none. */
function allOf(members: readonly Standing[]): WorkSummary | undefined {
  const works = worksOf(members).map(({ data }) => data.work).sort((a, b) => b.count - a.count);
  const [most, ...others] = works;
  if (most === undefined || works.length > MOST_WORKS) return undefined;
  return others.every((work) => compareWork(most, work)?.less === 0) ? most : undefined;
}

export function hasWork({ data }: Standing): boolean {
  return data.work.count > 0;
}

function byId(a: Standing, b: Standing): number {
  return a.memberId < b.memberId ? -1 : 1;
}
