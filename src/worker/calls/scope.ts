import type { OutgoingRecord } from "../../driver/driver.ts";

/** What the code that is running sends through: that of a handler or a tick, found by its async context. */
export interface Scope {
  send(record: OutgoingRecord): Promise<void>;
  /** One that is on its way already, or refused: to an actor of another app, say. It is this code's as if it had sent it. */
  adopt(sending: Promise<void>): Promise<void>;
}
