import type { Instant } from "../lease.ts";

/** What a member is to its group, as far as it has heard. */
export type Place =
  /** The group knows nothing of it. */
  | { readonly is: "stranger" }
  /** It has an id, and is in no generation: it was only given one, or the group has gone on without it. */
  | { readonly is: "named"; readonly memberId: string }
  | {
    readonly is: "member";
    readonly memberId: string;
    readonly generation: number;
    /** Whether the generation has been synced: only then does it know what it has to do in it. */
    readonly synced: boolean;
    /** Whether the others wait for its plan. */
    readonly leads: boolean;
    /** The generation of a predecessor's mastership, whose lease may still be held; or 0. */
    readonly inherited: number;
  };

export const STRANGER: Place = { is: "stranger" };

/** "" as long as the group knows none. */
export function memberIdOf(place: Place): string {
  return place.is === "stranger" ? "" : place.memberId;
}

/** -1 as long as it is in none. */
export function generationOf(place: Place): number {
  return place.is === "member" ? place.generation : -1;
}

export function isSynced(place: Place): boolean {
  return place.is === "member" && place.synced;
}

/** Its generation has gone on without it. */
export function withoutGeneration(place: Place): Place {
  return place.is === "member" ? { is: "named", memberId: place.memberId } : place;
}

/** A request that was sent: what the member was then, and when that was. Its answer is handed in with it. */
export interface Sent {
  readonly what: "find" | "join" | "plan" | "sync" | "beat";
  readonly at: Instant;
  readonly place: Place;
}

/** Whether what is answered to this request is said of what the member still is. */
export function isMeant({ place: then }: Sent, now: Place): boolean {
  return memberIdOf(then) === memberIdOf(now) && generationOf(then) === generationOf(now);
}
