import type { Peer, TopicPartition } from "../driver/driver.ts";
import type { Member as Subscriber, Outcome, Subscription } from "../driver/group-plan.ts";
import type { Entry, VirtualTime } from "./time.ts";

export type GroupError =
  | "UNKNOWN_MEMBER_ID"
  | "ILLEGAL_GENERATION"
  | "REBALANCE_IN_PROGRESS"
  | "NOT_COORDINATOR"
  | "MEMBER_ID_REQUIRED"
  | "FENCED_INSTANCE_ID";

/** What a member is told when a generation has begun; `members` only if it leads. */
export interface Joined {
  readonly error?: GroupError;
  readonly memberId: string;
  readonly generation: number;
  readonly leader: string;
  readonly members: readonly Subscriber[];
}

/** What the leader gives one member. */
export interface Assignment extends Omit<Outcome, "peers"> {
  readonly partitions: readonly TopicPartition[];
  readonly peers: readonly Peer[];
}

/** What a member is given that the leader has forgotten. */
export const NOTHING: Assignment = {
  partitions: [],
  master: "",
  worker: "",
  version: "",
  instanceId: "",
  members: 0,
  lacking: [],
  leaseGraceMs: 0,
  successor: "",
  resign: false,
  peers: [],
};

export interface Synced {
  readonly error?: GroupError;
  readonly assignment?: Assignment | undefined;
}

/** What a member says when it joins; times in ms. */
export interface JoinRequest {
  readonly memberId: string;
  readonly session: number;
  readonly rebalance: number;
  readonly subscription: Subscription;
}

type Reply<T> = (answer: T) => void;

interface Member {
  id: string;
  request: JoinRequest;
  /** To compare: a follower that joins again without a change is told what there is already. */
  said: string;
  join: Reply<Joined> | undefined;
  sync: Reply<Synced> | undefined;
  hasSynced: boolean;
  assignment: Assignment | undefined;
  expiry: Entry | undefined;
}

/** The coordinator of one group, by the classic protocol. */
export class Group {
  state: "empty" | "preparing" | "completing" | "stable" = "empty";
  generation = 0;
  readonly offsets = new Map<string, number>();
  readonly members = new Map<string, Member>();
  /** Called with each member that the group drops, and why. */
  onDropped: ((memberId: string, why: "silent" | "left" | "late" | "forgotten" | "replaced") => void) | undefined;
  /** Called with the incarnation that a generation has elected, or "". */
  onDecided: ((master: string) => void) | undefined;
  /** Called with each commit that was accepted, by `topic/partition`. */
  onCommitted: ((offsets: ReadonlyMap<string, number>, memberId: string) => void) | undefined;
  /** Called when a heartbeat is answered. */
  onHeartbeat: ((memberId: string, error: GroupError | undefined) => void) | undefined;
  /** While another broker is becoming the coordinator. */
  #moving = false;
  readonly #time: VirtualTime;
  readonly #pending = new Set<string>();
  /** The ids of static members whose place another process has taken. */
  readonly #fenced = new Set<string>();
  #leader = "";
  #deadline: Entry | undefined;
  #nextMember = 1;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** The moment of virtual time before which it does not drop a member of which it hears nothing more. */
  keeps(memberId: string): number | undefined {
    const member = this.members.get(memberId);
    if (member === undefined || this.#moving) return undefined;
    const silent = member.join || member.sync ? Infinity : member.expiry?.at ?? Infinity;
    const isAwaited = this.state === "preparing" ? !member.join : this.state === "completing" && !member.hasSynced;
    return Math.min(silent, isAwaited ? this.#deadline?.at ?? Infinity : Infinity);
  }

  join(request: JoinRequest, reply: Reply<Joined>): void {
    const refuse = (error: GroupError, memberId = "") => reply(refused(error, memberId));
    if (this.#moving) return refuse("NOT_COORDINATOR");
    const { instanceId } = request.subscription;
    if (this.#fenced.has(request.memberId)) return refuse("FENCED_INSTANCE_ID");
    if (request.memberId === "" && instanceId !== null) return this.#joinStatic(instanceId, request, reply);
    if (request.memberId === "") {
      const id = `m${this.#nextMember++}`;
      this.#pending.add(id);
      return refuse("MEMBER_ID_REQUIRED", id);
    }
    const said = JSON.stringify(request.subscription);
    let member = this.members.get(request.memberId);
    if (member === undefined) {
      if (!this.#pending.delete(request.memberId)) return refuse("UNKNOWN_MEMBER_ID");
      member = this.#add(request.memberId, request);
    }
    const changed = said !== member.said;
    member.request = request;
    member.said = said;
    this.#hear(member);
    const told = this.state === "completing" && !changed ||
      this.state === "stable" && !changed && member.id !== this.#leader;
    if (told) return reply(this.#joined(member));
    member.join = reply;
    if (this.state === "preparing") this.#completeIfAll();
    else this.#prepare();
  }

  /** A static member that does not know who it was: it takes the place of whoever has it, in a settled group unnoticed. */
  #joinStatic(instanceId: string, request: JoinRequest, reply: Reply<Joined>): void {
    const id = `m${this.#nextMember++}`;
    const before = [...this.members.values()].find((each) => each.request.subscription.instanceId === instanceId);
    const member = before ?? this.#add(id, request);
    const leader = this.#leader;
    if (before !== undefined) {
      const { id: old, join, sync } = before;
      this.#fenced.add(old);
      this.onDropped?.(old, "replaced");
      before.join = before.sync = undefined;
      join?.(refused("FENCED_INSTANCE_ID", old));
      sync?.({ error: "FENCED_INSTANCE_ID" });
      before.id = id;
      // In its place also where the order counts.
      const all = [...this.members.values()];
      this.members.clear();
      for (const each of all) this.members.set(each.id, each);
      if (leader === old) this.#leader = id;
    }
    member.request = request;
    member.said = JSON.stringify(request.subscription);
    this.#hear(member);
    // It is not told that it leads: its plan would change nothing.
    if (before !== undefined && this.state === "stable") return reply({ ...this.#joined(member), leader, members: [] });
    member.join = reply;
    if (this.state === "preparing") this.#completeIfAll();
    else this.#prepare();
  }

  #add(id: string, request: JoinRequest): Member {
    const member: Member = {
      id,
      request,
      said: "",
      join: undefined,
      sync: undefined,
      hasSynced: false,
      assignment: undefined,
      expiry: undefined,
    };
    this.members.set(id, member);
    return member;
  }

  sync(memberId: string, generation: number, plan: ReadonlyMap<string, Assignment>, reply: Reply<Synced>): void {
    const member = this.#member(memberId);
    if (typeof member === "string") return reply({ error: member });
    if (generation !== this.generation) return reply({ error: "ILLEGAL_GENERATION" });
    if (this.state === "preparing") return reply({ error: "REBALANCE_IN_PROGRESS" });
    this.#hear(member);
    member.hasSynced = true;
    if (this.state === "stable") return reply({ assignment: member.assignment });
    member.sync = reply;
    if (memberId !== this.#leader) return;
    this.state = "stable";
    this.onDecided?.(plan.get(memberId)?.master ?? "");
    for (const each of this.members.values()) {
      each.assignment = plan.get(each.id);
      const { sync } = each;
      if (sync === undefined) continue;
      each.sync = undefined;
      this.#hear(each);
      sync({ assignment: each.assignment });
    }
  }

  heartbeat(memberId: string, generation: number): GroupError | undefined {
    const error = this.#beat(memberId, generation);
    this.onHeartbeat?.(memberId, error);
    return error;
  }

  #beat(memberId: string, generation: number): GroupError | undefined {
    const member = this.#member(memberId);
    if (typeof member === "string") return member;
    if (generation !== this.generation) return "ILLEGAL_GENERATION";
    this.#hear(member);
    return this.state === "preparing" ? "REBALANCE_IN_PROGRESS" : undefined;
  }

  commit(memberId: string, generation: number, offsets: ReadonlyMap<string, number>): GroupError | undefined {
    const member = this.#member(memberId);
    if (typeof member === "string") return member;
    if (generation !== this.generation) return "ILLEGAL_GENERATION";
    if (this.state === "completing") return "REBALANCE_IN_PROGRESS";
    this.#hear(member);
    for (const [key, offset] of offsets) this.offsets.set(key, offset);
    this.onCommitted?.(offsets, memberId);
    return undefined;
  }

  /** Whoever asks under this id, or why it is refused. */
  #member(memberId: string): Member | GroupError {
    if (this.#moving) return "NOT_COORDINATOR";
    if (this.#fenced.has(memberId)) return "FENCED_INSTANCE_ID";
    return this.members.get(memberId) ?? "UNKNOWN_MEMBER_ID";
  }

  leave(memberId: string): void {
    if (this.#moving) return;
    this.#pending.delete(memberId);
    this.#drop(memberId, "left");
  }

  /** All that is known of the members is lost, as after an unclean election of the partition that it is kept in. */
  forget(): void {
    for (const member of this.members.values()) {
      cancel(member.expiry);
      member.join?.(refused("NOT_COORDINATOR"));
      member.sync?.({ error: "NOT_COORDINATOR" });
      this.onDropped?.(member.id, "forgotten");
    }
    this.members.clear();
    this.#pending.clear();
    this.#fenced.clear();
    cancel(this.#deadline);
    this.state = "empty";
    this.generation = 0;
    this.#leader = "";
  }

  /** Another broker becomes the coordinator: until `settle` is called nobody is answered. What it knew is kept. */
  move(): void {
    this.#moving = true;
    cancel(this.#deadline);
    for (const member of this.members.values()) {
      cancel(member.expiry);
      const { join, sync } = member;
      member.join = member.sync = undefined;
      join?.(refused("NOT_COORDINATOR"));
      sync?.({ error: "NOT_COORDINATOR" });
    }
  }

  /** The other broker is there: sessions begin anew. A round that was under way has to begin again. */
  settle(): void {
    this.#moving = false;
    for (const member of this.members.values()) this.#hear(member);
    if (this.state !== "stable" && this.members.size > 0) this.#prepare();
  }

  /** A sign of life. Who waits for an answer is alive as long as it does. */
  #hear(member: Member): void {
    cancel(member.expiry);
    member.expiry = this.#time.after(member.request.session, () => {
      if (member.join || member.sync) this.#hear(member);
      else this.#drop(member.id, "silent");
    });
  }

  #drop(memberId: string, why: "silent" | "left" | "late"): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    cancel(member.expiry);
    this.members.delete(memberId);
    this.onDropped?.(memberId, why);
    member.join?.(refused("UNKNOWN_MEMBER_ID", memberId));
    member.sync?.({ error: "UNKNOWN_MEMBER_ID" });
    if (this.state === "preparing") this.#completeIfAll();
    else this.#prepare();
  }

  /** A new generation begins when all have joined again, or when their time is over. */
  #prepare(): void {
    for (const member of this.members.values()) {
      const { sync } = member;
      member.sync = undefined;
      sync?.({ error: "REBALANCE_IN_PROGRESS" });
    }
    this.state = "preparing";
    cancel(this.#deadline);
    this.#deadline = this.#time.after(this.#leaseGraceMs(), () => {
      for (const { id } of [...this.members.values()].filter(({ join }) => !join)) this.#drop(id, "late");
      this.#completeIfAll();
    });
    this.#completeIfAll();
  }

  #completeIfAll(): void {
    if (this.state !== "preparing" || [...this.members.values()].some(({ join }) => !join)) return;
    cancel(this.#deadline);
    this.generation++;
    if (this.members.size === 0) {
      this.state = "empty";
      return;
    }
    this.state = "completing";
    if (!this.members.has(this.#leader)) this.#leader = [...this.members.keys()][0] ?? "";
    const { generation } = this;
    this.#deadline = this.#time.after(this.#leaseGraceMs(), () => {
      if (this.generation !== generation) return;
      for (const { id } of [...this.members.values()].filter((each) => !each.hasSynced)) this.#drop(id, "late");
    });
    for (const member of this.members.values()) {
      const { join } = member;
      member.join = undefined;
      member.hasSynced = false;
      this.#hear(member);
      join?.(this.#joined(member));
    }
  }

  #joined({ id }: Member): Joined {
    const members = id === this.#leader
      ? [...this.members.values()].map((member) => ({ memberId: member.id, ...member.request.subscription }))
      : [];
    return { memberId: id, generation: this.generation, leader: this.#leader, members };
  }

  #leaseGraceMs(): number {
    return Math.max(0, ...[...this.members.values()].map(({ request }) => request.rebalance));
  }
}

function refused(error: GroupError, memberId = ""): Joined {
  return { error, memberId, generation: -1, leader: "", members: [] };
}

function cancel(entry: Entry | undefined): void {
  if (entry) entry.run = undefined;
}
