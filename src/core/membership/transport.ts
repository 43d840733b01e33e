import type { MephistoError } from "../errors.ts";
import type { Answer, Kinds, Request } from "./messages.ts";
import type { Sent } from "./place.ts";

/** The request of one kind. */
export type RequestTo<K extends Kinds, D extends Request<K>["do"]> = Extract<Request<K>, { readonly do: D }>;

/** How a driver carries a membership's requests. It throws when no answer has come, or none of use. */
export interface Transport<K extends Kinds> {
  /** Finds the coordinator. */
  find(): Promise<void>;
  join(request: RequestTo<K, "join">): Promise<Answer<K>>;
  plan(members: K["members"]): Promise<K["plan"]>;
  sync(request: RequestTo<K, "sync">): Promise<Answer<K>>;
  beat(sent: Sent): Promise<Answer<K>>;
  leave(memberId: string): Promise<unknown>;
  /** Gives up the connection of the rounds. */
  hangUp(): void;
  /** Gives up all connections. */
  forget(): void;
}

/** What a driver is told of its membership. */
export interface Notices<K extends Kinds> {
  synced(given: K["given"], notBefore: number): void;
  removed(): void;
  failed(error: MephistoError): void;
  unreachable?(error: MephistoError): void;
  reachable?(): void;
}
