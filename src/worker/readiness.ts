import type { Membership } from "../driver/driver.ts";
import type { WorkerStatus } from "./status.ts";

/** What decides whether a worker is ready. */
export interface Readiness {
  readonly state: WorkerStatus["state"];
  readonly membership: Pick<Membership, "joined" | "lastContact" | "trouble"> | undefined;
  /** On the monotonic clock. */
  readonly now: number;
  /** In ms. */
  readonly sessionTimeout: number;
  /** What the log refuses, a sentence. */
  readonly refusal: string | undefined;
  /** What else keeps it from its work: sentences, of which the first that there is counts. */
  readonly troubles: Iterable<string | undefined>;
}

/** Why a worker is not ready: a sentence; undefined: it is. */
export function unreadyReason({ state, membership, now, sessionTimeout, refusal, troubles }: Readiness) {
  if (state === "stopping" || state === "stopped") return "The worker is stopping.";
  if (refusal !== undefined) return refusal;
  if (state === "starting" || membership === undefined) {
    return membership?.trouble ?? "The worker has not joined its group yet.";
  }
  if (!membership.joined) return membership.trouble ?? "The worker is not in its group at the moment.";
  if (now - membership.lastContact >= sessionTimeout) {
    return "The worker has not heard from Kafka for longer than a session.";
  }
  return [...troubles].find((trouble) => trouble !== undefined);
}
