import type { Place, Sent } from "./place.ts";

/** Where a membership stands. What belongs to a state is in it, and gone with it; moments are of the monotonic clock, in ms. */
export type State =
  | Seeking
  | Pausing
  | Joining
  | Planning
  | Syncing
  | Settled
  /** For good: by its own wish, or since it cannot go on. */
  | { readonly name: "left" }
  | { readonly name: "failed" };

/** It looks for the group's coordinator. */
export interface Seeking {
  readonly name: "seeking";
  readonly place: Place;
  readonly sent: Sent;
  /** Whether it is to join then: what it is in has changed, or it is in nothing. */
  readonly joins: boolean;
}

/** Something has failed, and is tried again in a moment. */
export interface Pausing {
  readonly name: "pausing";
  readonly place: Place;
  readonly until: number;
  /** Whether it knows where the coordinator is. */
  readonly located: boolean;
  readonly joins: boolean;
}

/** JoinGroup is under way. */
export interface Joining {
  readonly name: "joining";
  readonly place: Place;
  readonly sent: Sent;
  /** Whether something has changed since that is to be said. */
  readonly again: boolean;
  readonly deadline: number;
  /** When it was seen to be over: what has come in time may not have been read. */
  readonly overdue: number | undefined;
}

/** It leads the generation, and works out who gets what. */
export interface Planning {
  readonly name: "planning";
  readonly place: Place;
  readonly sent: Sent;
  readonly again: boolean;
}

/** SyncGroup is under way. */
export interface Syncing {
  readonly name: "syncing";
  readonly place: Place;
  readonly sent: Sent;
  readonly again: boolean;
  readonly deadline: number;
  readonly overdue: number | undefined;
}

/** In a generation that has been synced; nothing is under way except heartbeats. */
export interface Settled {
  readonly name: "settled";
  readonly place: Place;
}

/** States in which the member goes on. */
export type Living = Exclude<State, { name: "left" | "failed" }>;

export function living(state: State): Living | undefined {
  return state.name === "left" || state.name === "failed" ? undefined : state;
}

/** What has come in time may be read late, in a process that stood still: so long is looked for it. */
const TIME_TO_READ_MS = 10;

/** When something of the round is due, whatever is answered. */
export function roundDueAt(state: Living): number {
  switch (state.name) {
    case "pausing":
      return state.until;
    case "joining":
    case "syncing":
      return state.overdue === undefined ? state.deadline : state.overdue + TIME_TO_READ_MS;
    default:
      return Infinity;
  }
}

/** Whether heartbeats can be sent: the coordinator is known, and the member is in a generation. */
export function mayBeat(state: Living): boolean {
  if (state.place.is !== "member" || state.name === "seeking") return false;
  return state.name !== "pausing" || state.located;
}
