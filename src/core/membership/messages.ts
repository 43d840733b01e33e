import type { MephistoError } from "../errors.ts";
import type { Sent } from "./place.ts";

/** The errors by which a coordinator says what a member is to it; `FATAL`: it never will be one; `OTHER`: all the rest. */
export type MemberError =
  | "REBALANCE_IN_PROGRESS"
  | "UNKNOWN_MEMBER_ID"
  | "ILLEGAL_GENERATION"
  | "MEMBER_ID_REQUIRED"
  | "NOT_COORDINATOR"
  /** Another has taken the place of this static member; or a JoinGroup of its own has, that came late. */
  | "FENCED"
  | "FATAL"
  | "OTHER";

/** What the leader of a generation says of its master, and for how long another's lease may be held, in ms. */
export interface Elected {
  /** Its incarnation, or "". */
  readonly master: string;
  readonly instanceId: string;
  readonly leaseGraceMs: number;
}

/** What members describe themselves by, what the leader makes of it, and what each is given: each driver's own. */
export interface Kinds {
  readonly members: unknown;
  readonly plan: unknown;
  readonly given: unknown;
}

/** What comes to a membership. */
export type Event<K extends Kinds> =
  | { readonly type: "start" }
  /** Time has passed: something may be due. */
  | { readonly type: "tick" }
  | Answer<K>
  | Wish;

/** What is answered to a request that was sent. */
export type Answer<K extends Kinds> =
  | { readonly type: "found"; readonly sent: Sent }
  | {
    readonly type: "joined";
    readonly sent: Sent;
    readonly memberId: string;
    readonly generation: number;
    /** Given to the leader. */
    readonly members: K["members"] | undefined;
  }
  | { readonly type: "planned"; readonly sent: Sent; readonly plan: K["plan"] }
  | { readonly type: "assigned"; readonly sent: Sent; readonly elected: Elected; readonly given: K["given"] }
  | { readonly type: "beaten"; readonly sent: Sent }
  | {
    readonly type: "refused";
    readonly sent: Sent;
    readonly why: MemberError;
    readonly error: MephistoError;
    /** With `MEMBER_ID_REQUIRED`: which. */
    readonly memberId?: string;
  }
  /** No answer has come, or none of use. */
  | { readonly type: "lost"; readonly sent: Sent; readonly error: MephistoError };

/** What the worker wants. */
export type Wish =
  /** To say that something has changed. */
  | { readonly type: "rejoin" }
  /** From the next round on it takes no partitions. */
  | { readonly type: "drain" }
  /** Not to be elected any more. */
  | { readonly type: "resign" }
  /** Not to be elected until another one has been, or a session has passed. */
  | { readonly type: "yield" }
  /** The master of the latest generation is to stand down. */
  | { readonly type: "askToResign" }
  /** To know at once whether there is another generation. Joining again without being asked would make one. */
  | { readonly type: "heartbeatNow" }
  | { readonly type: "leave" };

/** What is to be done: asked, in this order. */
export type Request<K extends Kinds> =
  | { readonly do: "find"; readonly sent: Sent }
  | ({ readonly do: "join"; readonly sent: Sent; readonly timeoutMs: number } & Saying)
  | { readonly do: "plan"; readonly sent: Sent; readonly members: K["members"] }
  | { readonly do: "sync"; readonly sent: Sent; readonly timeoutMs: number; readonly plan: K["plan"] | undefined }
  | { readonly do: "beat"; readonly sent: Sent }
  /** Whether it is answered makes no difference. */
  | { readonly do: "leave"; readonly memberId: string }
  /** The connection of the rounds is given up, with all that is under way on it: the next one goes over another. */
  | { readonly do: "hangUp" }
  /** So are all connections: the coordinator is another one now, or gone. */
  | { readonly do: "forget" };

/** What a member says of itself in a JoinGroup, beside what it is. */
export interface Saying {
  readonly memberId: string;
  /** Of which the partitions are that it owns. */
  readonly generation: number;
  /** Whether it stands for election. */
  readonly eligible: boolean;
  /** For how many ms more a lease may be held that the others do not know of. */
  readonly leaseGraceMs: number;
  /** The incarnation of a master that is asked to stand down, or "". */
  readonly asksToYield: string;
  readonly draining: boolean;
}

/** What the worker is told. */
export type Notice<K extends Kinds> =
  | { readonly do: "synced"; readonly given: K["given"]; readonly notBefore: number }
  /** The group has dropped this member, or forgotten it: nothing is held any more. */
  | { readonly do: "removed" }
  /** It cannot go on. */
  | { readonly do: "failed"; readonly error: MephistoError }
  | { readonly do: "unreachable"; readonly error: MephistoError }
  /** A whole round was answered: half of one ends no outage, for if the other is refused nothing would ever be told. */
  | { readonly do: "reachable" }
  /** A generation has begun that knows that it does not stand, for good. */
  | { readonly do: "resigned" }
  /** It stands for election again, or never will. */
  | { readonly do: "yielded" };

export type Effect<K extends Kinds> = Request<K> | Notice<K>;
