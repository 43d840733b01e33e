import type { Clock } from "./clock.ts";
import { type Instant, Lease, type LeaseTerms } from "./lease.ts";
import { Patience } from "./patience.ts";

/** The broker removes a member that has not rejoined for this many sessions: longer than any session that matters. */
const REBALANCE_SESSIONS = 5;

/** By what the lease of a member is measured that asks for this session, in ms. */
export function leaseTerms(session: number): LeaseTerms {
  return { session, rebalance: REBALANCE_SESSIONS * session, margin: Math.max(500, session / 12) };
}

/** The errors by which a coordinator says what a member is to it; `OTHER` stands for all the rest. */
export type MemberError = "REBALANCE_IN_PROGRESS" | "UNKNOWN_MEMBER_ID" | "ILLEGAL_GENERATION" | "OTHER";

/**
 * What an answer means for the member: all is well; it says nothing of what the member is now; join (again); it is no
 * member any more, gives up everything and joins again; or the coordinator refuses for a reason of its own.
 */
export type Verdict = "good" | "ignored" | "rejoin" | "expelled" | "refused";

/** What a member was when it sent a request, and when that was. */
export interface Sent {
  readonly at: Instant;
  readonly memberId: string;
  readonly generation: number;
  readonly synced: boolean;
}

/** Who a member is, apart from what the coordinator calls it. */
export interface Self {
  /** Of this run of the process. */
  readonly incarnation: string;
  /** Of a static member. */
  readonly instanceId: string | undefined;
}

/** What the leader of a generation says of its master, and for how long another's lease may be held, in ms. */
export interface Elected {
  readonly master: string;
  readonly instanceId: string;
  readonly patience: number;
}

/**
 * What a member of a group is to its coordinator, by the answers that have come, and for how long it may act on that. Knows
 * no broker: each driver asks in its own way, and does what is said here of the answer.
 */
export class MemberLease {
  readonly lease: Lease;
  readonly patience: Patience;
  /** "" as long as the group knows none. */
  memberId = "";
  /** -1 as long as it is in none. */
  generation = -1;
  /** Whether the current generation has been synced. */
  synced = false;
  /** Whether a JoinGroup or its SyncGroup is under way. */
  joining = false;
  readonly #self: Self;
  /** The generation of a predecessor's mastership, whose lease may still be held; or 0. */
  #inherited = 0;
  #left = false;

  constructor(terms: LeaseTerms, self: Self, clock: Clock) {
    this.#self = self;
    this.lease = new Lease(terms, clock);
    this.patience = new Patience(terms.session, self.instanceId !== undefined, clock);
  }

  /** To be called when a request is sent, and handed in with its answer. */
  sending(): Sent {
    const { memberId, generation, synced } = this;
    return { at: this.lease.now(), memberId, generation, synced };
  }

  /** The generation in which mastership was won: its own, while it is held, or that which it has inherited; else 0. */
  claim(own: number): number {
    return own || this.#inherited;
  }

  /** JoinGroup was refused until it is sent again with the id that the coordinator has chosen. */
  named(memberId: string): void {
    this.memberId = memberId;
  }

  /** JoinGroup was answered. */
  joined(sent: Sent, error: MemberError | undefined, answer: { memberId: string; generation: number }): Verdict {
    if (!this.#isMeant(sent)) return "rejoin";
    if (error !== undefined) return this.#failed(error);
    // No proof: the generation may have begun before, and the time in which it has to be synced with it.
    this.lease.signOfLife(sent.at);
    this.memberId = answer.memberId;
    this.generation = answer.generation;
    this.synced = false;
    this.patience.joined();
    return "good";
  }

  /** SyncGroup was answered. */
  syncAnswered(sent: Sent, error: MemberError | undefined): Verdict {
    if (!this.#isMeant(sent)) return "rejoin";
    if (error !== undefined) return this.#failed(error);
    this.lease.renew(sent.at);
    this.synced = true;
    return "good";
  }

  /**
   * What the SyncGroup's answer has said. A static member that is started again gets its predecessor's assignment without
   * a new generation. If that one was master, its lease may still be held: this member inherits mastership, waits a session
   * before it acts, and joins again to say so: `true`.
   */
  decided({ master, instanceId, patience }: Elected, sent: Sent): boolean {
    const isPredecessor = this.#self.instanceId !== undefined && instanceId === this.#self.instanceId &&
      master !== this.#self.incarnation;
    this.#inherited = isPredecessor ? this.generation : 0;
    if (isPredecessor) this.patience.session(sent.at.monotonic);
    this.patience.heard(patience);
    return isPredecessor;
  }

  /** A heartbeat was answered. */
  heartbeat(sent: Sent, error: MemberError | undefined): Verdict {
    // An answer to what this member no longer is says nothing of what it is now.
    if (!this.#isMeant(sent)) return "ignored";
    switch (error) {
      case undefined:
        // Without SyncGroup it is removed at the rebalance timeout, however often it is answered.
        if (sent.synced) this.lease.renew(sent.at);
        else this.lease.signOfLife(sent.at);
        return "good";
      case "REBALANCE_IN_PROGRESS":
        this.lease.signOfLife(sent.at);
        // A round that is under way answers this by itself: another one after it would be a rebalance for all, and so on.
        return sent.synced && !this.joining ? "rejoin" : "ignored";
      case "ILLEGAL_GENERATION":
        // The next generation begins with a JoinGroup of ours, whose answer is still on its way, on another connection. The
        // lease is not renewed by this, nor is it over: whoever has not joined in time is unknown, not of an old generation
        // (or a static member, whose lease the rebalance timeout has ended).
        if (this.joining) return "ignored";
        return this.#failed(error);
      default:
        return this.#failed(error);
    }
  }

  /** It is no member any more. */
  end(): void {
    this.lease.end();
    this.generation = -1;
    this.synced = false;
    this.#inherited = 0;
  }

  /** It leaves: whatever is answered from now on counts for nothing. Gives the id that it had. */
  leave(): string {
    const { memberId } = this;
    this.#left = true;
    this.end();
    this.memberId = "";
    return memberId;
  }

  #isMeant({ memberId, generation }: Sent): boolean {
    return !this.#left && memberId === this.memberId && generation === this.generation;
  }

  #failed(error: MemberError): Verdict {
    switch (error) {
      case "REBALANCE_IN_PROGRESS":
        return "rejoin";
      case "UNKNOWN_MEMBER_ID":
        // Unknown, though not silent for long: the group's state was lost, and another's lease may be running. Ours may
        // have been ended before, by a coordinator that had moved.
        if (this.lease.wasAlive) this.patience.session();
        this.memberId = "";
        this.end();
        return "expelled";
      case "ILLEGAL_GENERATION":
        this.end();
        return "expelled";
      case "OTHER":
        this.lease.end();
        return "refused";
    }
  }
}
